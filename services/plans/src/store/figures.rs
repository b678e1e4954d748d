//! The sums that the service shows in metrics.

use payterms_chassis::samples::{Figure, Metric};

/// All figures of the service.
pub const ALL: &[Figure] = &[
    Figure {
        metric: Metric {
            name: "payterms.plans.proposed",
            unit: "{plan}",
            description: "Plans that wait for an answer: of the tenant where PROPOSED, of the customer where COUNTERED.",
        },
        label: "payterms.state",
        select: "SELECT state AS label, CAST(count(*) AS double precision) AS value FROM plans WHERE tenant IN ({tenants}) AND state IN ('PROPOSED', 'COUNTERED') GROUP BY state",
    },
    Figure {
        metric: Metric {
            name: "payterms.plans.running",
            unit: "{plan}",
            description: "Plans whose instalments are being paid, by state.",
        },
        label: "payterms.state",
        select: "SELECT state AS label, CAST(count(*) AS double precision) AS value FROM plans WHERE tenant IN ({tenants}) AND state IN ('ACTIVE', 'IN_GRACE') GROUP BY state",
    },
];
