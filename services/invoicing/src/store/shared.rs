//! The sums that this service has recorded and another one as well, which must agree (I28).

use payterms_chassis::shared::{Kind, Shared};

/// All of them.
pub const ALL: &[Shared] = &[
    Shared {
        kind: Kind::Settled,
        // What bought credit is no settlement; a tender of outside never comes to the wallet.
        select: "SELECT p.id AS subject, CAST((SELECT coalesce(sum(a.paid), 0) FROM payment_allocations a WHERE a.tenant = p.tenant AND \
                 a.payment_id = p.id) - coalesce(p.bought, 0) AS bigint) AS amount, p.currency, CAST(CASE WHEN p.state = 'PROCESSING' \
                 THEN 1 ELSE 0 END AS bigint) AS under_way FROM payments p WHERE p.tenant = $1 AND p.id > $2 AND NOT EXISTS (SELECT 1 \
                 FROM payment_tenders o WHERE o.tenant = p.tenant AND o.payment_id = p.id AND o.kind = 'OUTSIDE')",
    },
    Shared {
        kind: Kind::Deferred,
        select: "SELECT i.id AS subject, CASE WHEN i.total - i.paid - i.credited - i.written_off < i.deferral_amount THEN i.total - i.paid - \
                 i.credited - i.written_off ELSE i.deferral_amount END AS amount, i.currency, CAST(0 AS bigint) AS under_way FROM \
                 invoices i WHERE i.tenant = $1 AND i.id > $2 AND i.deferral_line IS NOT NULL",
    },
];
