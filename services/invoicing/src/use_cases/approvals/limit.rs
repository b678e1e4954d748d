//! Up to which amount one person is enough.

use crate::store::tenants;
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::approval::must_be_within;
use payterms_kernel::Money;

/// Refuses what takes a second person; owners are trusted alone. `proposal` is the method that asks a second person, where there is one.
///
/// # Errors
/// `SECOND_PERSON_REQUIRED`.
pub async fn must_be_within_limit(tx: &WriteTx, amount: Money, proposal: Option<&'static str>) -> Result<(), AppError> {
    if tx.call().caller.has("OWNER") {
        return Ok(());
    }
    let tenant = tenants::find(tx.conn(), &tx.call().tenant).await?;
    Ok(must_be_within(tenant.and_then(|own| own.approval_limit(amount.currency())), amount, proposal)?)
}
