//! Ends a hold whose time is over.

use super::expire_lot;
use crate::{
    App, render,
    store::{holds, wallets},
};
use payterms_chassis::{
    AppError,
    jobs::{DueRow, take},
    names,
};
use payterms_kernel::Id;
use payterms_proto::wallet::v1::HoldExpired;
use payterms_wallet_domain::hold;

/// Runs the job.
///
/// # Errors
/// The database's.
pub async fn run(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("hold {:?}", row.subject))) };
    let call = row.call("wallet", id);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some(wallet_id) = holds::wallet_of(tx.conn(), &row.tenant, Id::from_uuid(id)).await? else { return Ok(()) };
    let Some(mut locked) = wallets::lock_many(&tx, &[wallet_id]).await?.pop() else { return Ok(()) };
    if !take(&tx, row).await? {
        return Ok(());
    }
    let Some(mut hold) = holds::find(tx.conn(), &row.tenant, wallet_id, Id::from_uuid(id)).await? else { return Ok(()) };
    let now = tx.now();
    if hold::expire(&mut locked.wallet, &mut hold, tx.ids(), now)? {
        let after = render::wallet(&row.tenant, &locked.wallet, now)?;
        let name = after.name.clone();
        expire_lot::schedule_overdue(&tx, &locked.wallet, now).await?;
        wallets::save_many(&tx, std::slice::from_mut(&mut locked)).await?;
        holds::save(&tx, wallet_id, &hold).await?;
        let event = HoldExpired { wallet: Some(after), hold: Some(render::hold(&name, &hold)?) };
        tx.emit("wallet", &wallet_id.to_string(), &event).await?;
    }
    tx.commit_rows().await
}
