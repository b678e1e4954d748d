//! The sums that this service has recorded and another one as well, which must agree (I28).

use payterms_chassis::shared::{Kind, Shared};

/// All of them.
pub const ALL: &[Shared] = &[Shared {
    kind: Kind::Deferred,
    select: "SELECT d.invoice_id AS subject, d.captured - d.repaid AS amount, d.currency, CAST(0 AS bigint) AS under_way FROM draws d \
                 WHERE d.tenant = $1 AND d.invoice_id > $2 AND d.state = 'CAPTURED'",
}];
