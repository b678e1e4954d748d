//! The sums that this service has recorded and another one as well, which must agree (I28).

use payterms_chassis::shared::{Kind, Shared};

/// All of them.
pub const ALL: &[Shared] = &[Shared {
    kind: Kind::Settled,
    // An entry between two accounts is one row that names both.
    select: "SELECT t.payment_id AS subject, CAST(sum(CASE WHEN e.account = 'INVOICE_SETTLEMENT' THEN e.amount ELSE -e.amount END) AS bigint) \
                 AS amount, max(e.currency) AS currency, CAST(0 AS bigint) AS under_way FROM transfers t JOIN entries e ON e.tenant = t.tenant \
                 AND e.transfer_id = t.id WHERE t.tenant = $1 AND t.payment_id > $2 AND (e.account = 'INVOICE_SETTLEMENT' OR e.contra = \
                 'INVOICE_SETTLEMENT') GROUP BY t.payment_id",
}];
