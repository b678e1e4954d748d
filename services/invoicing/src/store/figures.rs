//! The sums that the service shows in metrics.

use payterms_chassis::samples::{Figure, MONEY, Metric};

/// All figures of the service.
pub const ALL: &[Figure] = &[
    Figure {
        metric: Metric {
            name: "payterms.invoices.open",
            unit: MONEY,
            description: "What is unpaid of open invoices, by currency.",
        },
        label: "payterms.currency",
        select: "SELECT currency AS label, CAST(sum(total - paid - credited - written_off) AS double precision) AS value FROM invoices WHERE tenant IN ({tenants}) AND state = 'OPEN' AND top_up = '' GROUP BY currency",
    },
    Figure {
        metric: Metric {
            name: "payterms.invoices.past_due",
            unit: MONEY,
            description: "What is unpaid of open invoices whose due date was before today in UTC, by currency.",
        },
        label: "payterms.currency",
        select: "SELECT currency AS label, CAST(sum(total - paid - credited - written_off) AS double precision) AS value FROM invoices WHERE tenant IN ({tenants}) AND state = 'OPEN' AND top_up = '' AND due_date < {today} GROUP BY currency",
    },
    Figure {
        metric: Metric {
            name: "payterms.approvals.waiting",
            unit: "{approval}",
            description: "Proposals that wait for a second person, by kind.",
        },
        label: "payterms.kind",
        select: "SELECT kind AS label, CAST(count(*) AS double precision) AS value FROM approvals WHERE tenant IN ({tenants}) AND state = 'PROPOSED' GROUP BY kind",
    },
    Figure {
        metric: Metric {
            name: "payterms.bank_lines.waiting",
            unit: "{line}",
            description: "Bank lines that wait for a person, by state.",
        },
        label: "payterms.state",
        select: "SELECT state AS label, CAST(count(*) AS double precision) AS value FROM bank_lines WHERE tenant IN ({tenants}) AND state IN ('UNMATCHED', 'SUGGESTED', 'SUSPECTED_DUPLICATE') GROUP BY state",
    },
];
