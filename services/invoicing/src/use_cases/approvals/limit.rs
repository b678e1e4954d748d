//! Up to which amount one person is enough.

use crate::store::tenants;
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::approval::Together;

/// Refuses what takes a second person; owners are trusted alone.
///
/// # Errors
/// `SECOND_PERSON_REQUIRED`.
pub async fn must_be_within_limit(tx: &WriteTx, together: Together) -> Result<(), AppError> {
    if tx.call().caller.has("OWNER") {
        return Ok(());
    }
    let tenant = tenants::find(tx.conn(), &tx.call().tenant).await?;
    Ok(together.must_be_within(
        tenant.and_then(|tenant| tenant.approval_limit(together.amount.currency())),
    )?)
}
