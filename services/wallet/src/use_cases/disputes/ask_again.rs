//! Asks the provider again for a dispute that could not be opened when it told of it: it may not
//! tell a second time.

use super::follow::{Followed, follow_dispute};
use crate::app::App;
use chrono::TimeDelta;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, schedule, take},
};
use payterms_kernel::id::step_id;
use uuid::Uuid;

/// The job; its subject is `provider/charge`, by the provider's id of the charge.
pub const JOB: &str = "ask_for_dispute";

/// How often it is asked, while what there is to take is not known.
const PAUSE: TimeDelta = TimeDelta::hours(1);

/// Plans to ask for the dispute of a charge.
pub(super) async fn schedule_question(
    tx: &WriteTx,
    provider: &str,
    charge_id: &str,
) -> Result<(), AppError> {
    Ok(schedule(tx, JOB, &format!("{provider}/{charge_id}"), tx.now() + PAUSE).await?)
}

/// Asks for the dispute of a charge at once: the provider has one that is not known here as it
/// stands.
pub async fn ask_now(tx: &WriteTx, provider: &str, charge_id: &str) -> Result<(), AppError> {
    Ok(schedule(tx, JOB, &format!("{provider}/{charge_id}"), tx.now()).await?)
}

/// Asks the provider for the dispute of a charge, and takes it in.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` if the provider does not answer. The row stays due.
pub async fn ask_for_dispute(app: &App, row: &DueRow) -> Result<(), AppError> {
    let fault = || AppError::Fault(format!("the dispute of {:?}", row.subject));
    let (provider, charge_id) = row.subject.split_once('/').ok_or_else(fault)?;
    // It is opened once, in a transaction of its own: whoever dies before the row is taken asks
    // once more, and nothing changes.
    if Box::pin(follow_dispute(app, &row.tenant, provider, charge_id)).await? == Followed::Waits {
        return Ok(());
    }
    let tx = app.db.begin_forward(&row.call("wallet", step_id(Uuid::nil(), &row.subject))).await?;
    if take(&tx, row).await? {
        tx.commit_rows().await?;
    }
    Ok(())
}
