//! The sums that the service shows in metrics.

use payterms_chassis::samples::{Figure, MONEY, Metric};

/// All figures of the service.
pub const ALL: &[Figure] = &[
    Figure {
        metric: Metric {
            name: "payterms.credit.outstanding",
            unit: MONEY,
            description: "Credit in lots that is not used yet, by currency.",
        },
        label: "payterms.currency",
        select: "SELECT currency AS label, CAST(sum(remaining) AS double precision) AS value FROM lots WHERE tenant IN ({tenants}) AND remaining > 0 GROUP BY currency",
    },
    Figure {
        metric: Metric {
            name: "payterms.credit.held",
            unit: MONEY,
            description: "Credit that open holds set aside, by currency.",
        },
        label: "payterms.currency",
        select: "SELECT currency AS label, CAST(sum(pinned) AS double precision) AS value FROM lots WHERE tenant IN ({tenants}) AND remaining > 0 GROUP BY currency",
    },
    Figure {
        metric: Metric {
            name: "payterms.credit.owed",
            unit: MONEY,
            description: "What wallets owe since no credit was left, by currency.",
        },
        label: "payterms.currency",
        select: "SELECT currency AS label, CAST(sum(owed) AS double precision) AS value FROM wallets WHERE tenant IN ({tenants}) GROUP BY currency",
    },
    Figure {
        metric: Metric {
            name: "payterms.provider.differences",
            unit: "{difference}",
            description: "Differences between the list of a payment provider and the ledger that wait for a person, by provider.",
        },
        label: "payterms.provider",
        select: "SELECT 'stripe' AS label, CAST(count(*) AS double precision) AS value FROM provider_differences WHERE tenant IN ({tenants}) AND provider = 'stripe' AND state = 'OPEN' AND NOT settles_itself",
    },
    Figure {
        metric: Metric {
            name: "payterms.ledger.imbalance",
            unit: MONEY,
            description: "Differences between the balances of wallets and their lots less debt, added up, by currency. It must be 0.",
        },
        label: "payterms.currency",
        select: "SELECT currency AS label, CAST(sum(abs(posted + owed - coalesce((SELECT sum(remaining) FROM lots WHERE lots.tenant = wallets.tenant AND lots.wallet_id = wallets.id AND remaining > 0), 0))) AS double precision) AS value FROM wallets WHERE tenant IN ({tenants}) GROUP BY currency",
    },
];
