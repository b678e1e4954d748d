//! Takes what is left of a lot whose time is over. A part that a hold pins goes when the hold
//! ends.

use super::recharge;
use crate::{App, jobs, render, store::wallets};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, schedule, take},
    names,
};
use payterms_kernel::Id;
use payterms_proto::wallet::v1::LotExpired;
use payterms_wallet_domain::Wallet;

/// Runs the job.
///
/// # Errors
/// The database's.
pub async fn run(app: &App, row: &DueRow) -> Result<(), AppError> {
    let ids = row.subject.split_once('/').and_then(|(wallet, lot)| Some((names::uuid(wallet)?, names::uuid(lot)?)));
    let Some((wallet, lot)) = ids else { return Err(AppError::Fault(format!("lot {:?}", row.subject))) };
    let call = row.call("wallet", lot);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some(mut locked) = wallets::lock_many(&tx, &[Id::from_uuid(wallet)]).await?.pop() else { return Ok(()) };
    if !take(&tx, row).await? {
        return Ok(());
    }
    let now = tx.now();
    if locked.wallet.expire_lot(tx.ids(), Id::from_uuid(lot), now)?.is_some() {
        let after = render::wallet(&row.tenant, &locked.wallet, now)?;
        let expired = locked.wallet.lots.iter().find(|own| own.id.uuid() == lot).map(|lot| render::lot(&after.name, lot));
        wallets::save_many(&tx, std::slice::from_mut(&mut locked)).await?;
        recharge::mark(&tx, [&locked.wallet]).await?;
        tx.emit("wallet", &wallet.to_string(), &LotExpired { wallet: Some(after), lot: expired }).await?;
    }
    tx.commit_rows().await
}

/// After a hold has ended: lots whose time was over while it pinned them expire now.
///
/// # Errors
/// The database's.
pub async fn schedule_overdue(tx: &WriteTx, wallet: &Wallet, now: DateTime<Utc>) -> Result<(), AppError> {
    for lot in wallet.lots.iter().filter(|lot| !lot.in_force(now) && lot.unpinned().is_ok_and(payterms_kernel::Money::is_positive)) {
        schedule(tx, jobs::EXPIRE_LOT, &format!("{}/{}", wallet.id, lot.id), now).await?;
    }
    Ok(())
}
