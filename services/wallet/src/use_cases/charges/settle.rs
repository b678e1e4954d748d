//! Settles a charge that the provider did not decide at once.

use super::{
    load::{charge_at_provider, lock_charge},
    save::record_charge,
};
use crate::app::App;
use payterms_chassis::{
    AppError,
    jobs::{DueRow, take},
    kill, names,
};
use payterms_kernel::Id;

/// The job; its subject is the charge's id.
pub const JOB: &str = "settle_charge";

/// Asks the provider for a charge that was not decided at once.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` if the provider does not answer. The row stays due.
pub async fn settle_charge(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("charge {:?}", row.subject)));
    };
    let answer = charge_at_provider(app, &row.tenant, Id::from_uuid(id), true).await?;
    kill::point("settle_charge.before_record");
    let call = row.call("wallet", id);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some((mut charge, mut locked)) = lock_charge(&tx, &row.tenant, Id::from_uuid(id)).await?
    else {
        return Ok(());
    };
    if !take(&tx, row).await? {
        return Ok(());
    }
    record_charge(&mut tx, &mut locked, &mut charge, answer).await?;
    tx.commit_rows().await?;
    kill::point("settle_charge.after_record");
    Ok(())
}
