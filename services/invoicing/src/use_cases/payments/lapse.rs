//! Cancels an announced transfer when its time is over.

use super::{load::lock_payment, save::publish_payment};
use crate::{app::App, use_cases::collections::schedule::schedule_collections};
use payterms_chassis::{
    AppError,
    jobs::{DueRow, take},
    names,
};
use payterms_kernel::Id;

/// Gives up waiting for an announced transfer; the subject is the payment's id.
pub const JOB: &str = "lapse_transfer";

/// The time of an announced transfer is over.
pub async fn lapse_transfer(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("payment {:?}", row.subject)));
    };
    let mut tx = app.db.begin_forward(&row.call("invoicing", id)).await?;
    let found = lock_payment(&tx, Id::from_uuid(id)).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    if let Some((mut payment, mut owned)) = found.filter(|(payment, _)| payment.is_announced()) {
        payment.cancel(&mut owned, tx.now())?;
        schedule_collections(&tx, &owned).await?;
        publish_payment(&mut tx, &mut payment, &mut owned).await?;
    }
    tx.commit_rows().await
}
