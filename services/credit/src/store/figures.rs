//! The sums that the service shows in metrics.

use payterms_chassis::samples::{Figure, MONEY, Metric};

/// All figures of the service.
pub const ALL: &[Figure] = &[
    Figure {
        metric: Metric {
            name: "payterms.lines.limit",
            unit: MONEY,
            description: "Limits of the credit lines that can be drawn on, by currency.",
        },
        label: "payterms.currency",
        select: "SELECT currency AS label, CAST(sum(credit_limit) AS double precision) AS value FROM credit_lines WHERE tenant IN ({tenants}) AND state = 'ACTIVE' GROUP BY currency",
    },
    Figure {
        metric: Metric {
            name: "payterms.lines.exposure",
            unit: MONEY,
            description: "What is drawn on credit lines and not repaid, authorised draws included, by currency.",
        },
        label: "payterms.currency",
        select: "SELECT currency AS label, CAST(sum(authorized + captured - repaid) AS double precision) AS value FROM credit_lines WHERE tenant IN ({tenants}) GROUP BY currency",
    },
    Figure {
        metric: Metric {
            name: "payterms.applications.waiting",
            unit: "{application}",
            description: "Applications that wait for a person, by state.",
        },
        label: "payterms.state",
        select: "SELECT state AS label, CAST(count(*) AS double precision) AS value FROM applications WHERE tenant IN ({tenants}) AND state IN ('IN_REVIEW', 'MORE_INFORMATION') GROUP BY state",
    },
];
