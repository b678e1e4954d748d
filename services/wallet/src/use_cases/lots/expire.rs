//! Takes the rest of an expired lot. A part that a hold pins expires when the hold ends.

use crate::{
    app::App,
    messages,
    store::wallets,
    use_cases::{recharges::save::schedule_recharges, wallets::save::save_wallet},
};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, schedule, take},
    names,
};
use payterms_kernel::{Id, Money};
use payterms_proto::wallet::v1::LotExpired;
use payterms_wallet_domain::{Lot, Wallet};

/// The job; its subject is `wallet/lot`.
pub const JOB: &str = "expire_lot";

/// Expires a lot.
pub async fn expire_lot(app: &App, row: &DueRow) -> Result<(), AppError> {
    let ids = row
        .subject
        .split_once('/')
        .and_then(|(wallet, lot)| Some((names::uuid(wallet)?, names::uuid(lot)?)));
    let Some((wallet, lot)) = ids else {
        return Err(AppError::Fault(format!("lot {:?}", row.subject)));
    };
    let call = row.call("wallet", lot);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some(mut locked) = wallets::lock_many(&tx, &[Id::from_uuid(wallet)]).await?.pop() else {
        return Ok(());
    };
    if !take(&tx, row).await? {
        return Ok(());
    }
    let now = tx.now();
    if locked.wallet.expire_lot(tx.ids(), Id::from_uuid(lot), now)?.is_some() {
        let after = messages::wallets::wallet(&row.tenant, &locked.wallet, now)?;
        let expired = locked
            .wallet
            .lots
            .iter()
            .find(|candidate| candidate.id.uuid() == lot)
            .map(|lot| messages::lots::lot(&after.name, lot));
        save_wallet(&tx, &mut locked).await?;
        schedule_recharges(&tx, [&locked.wallet]).await?;
        tx.emit("wallet", &wallet.to_string(), &LotExpired { wallet: Some(after), lot: expired })
            .await?;
    }
    tx.commit_rows().await
}

/// Schedules the expiry of a lot.
pub async fn schedule_expiry(
    tx: &WriteTx,
    wallet: Id<Wallet>,
    lot: Id<Lot>,
    at: DateTime<Utc>,
) -> Result<(), AppError> {
    Ok(schedule(tx, JOB, &format!("{wallet}/{lot}"), at).await?)
}

/// After a hold has ended: schedules the expiry of lots that expired while it pinned them.
pub async fn schedule_overdue_lots(
    tx: &WriteTx,
    wallet: &Wallet,
    now: DateTime<Utc>,
) -> Result<(), AppError> {
    for lot in wallet
        .lots
        .iter()
        .filter(|lot| !lot.in_force(now) && lot.unpinned().is_ok_and(Money::is_positive))
    {
        schedule_expiry(tx, wallet.id, lot.id, now).await?;
    }
    Ok(())
}
