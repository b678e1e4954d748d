//! Settles a top-up whose charge the provider did not decide at once.

use super::{charge::charge_top_up, save::record_top_up};
use crate::{
    app::App,
    store::{top_ups, wallets},
};
use payterms_chassis::{
    AppError,
    jobs::{DueRow, take},
    kill, names,
};
use payterms_kernel::Id;

/// The job; its subject is the top-up's id.
pub const JOB: &str = "settle_top_up";

/// Asks the provider for a charge that was not decided at once.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` if the provider does not answer. The row stays due.
pub async fn settle_top_up(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("top-up {:?}", row.subject)));
    };
    let answer = charge_top_up(app, &row.tenant, Id::from_uuid(id), true).await?;
    kill::point("settle_top_up.before_record");
    let call = row.call("wallet", id);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some(top_up) = top_ups::find(tx.conn(), &row.tenant, Id::from_uuid(id)).await? else {
        return Ok(());
    };
    let Some(mut locked) = wallets::lock_many(&tx, &[top_up.wallet]).await?.pop() else {
        return Ok(());
    };
    if !take(&tx, row).await? {
        return Ok(());
    }
    record_top_up(&mut tx, &mut locked, top_up.id, answer).await?;
    tx.commit_rows().await?;
    kill::point("settle_top_up.after_record");
    Ok(())
}
