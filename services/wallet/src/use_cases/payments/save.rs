//! Saves the hold of a payment with its wallet, and the lots that a payment made.

use crate::{
    commands::wallets::name_of,
    messages,
    store::{holds, wallets::Locked},
    use_cases::{
        lots::expire::{schedule_expiry, schedule_overdue_lots},
        recharges::save::schedule_recharges,
        wallets::save::save_wallet,
    },
};
use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::Id;
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{Hold, Lot};

/// Schedules the expiry of a lot that a payment made, and renders the lot.
pub(super) async fn bought_lot(
    tx: &WriteTx,
    locked: &Locked,
    lot: Option<Id<Lot>>,
    expires_at: Option<DateTime<Utc>>,
) -> Result<Option<pb::Lot>, AppError> {
    let Some(id) = lot else { return Ok(None) };
    if let Some(expiry) = expires_at {
        schedule_expiry(tx, locked.wallet.id, id, expiry).await?;
    }
    let name = name_of(&tx.call().tenant, &locked.wallet);
    Ok(locked
        .wallet
        .lots
        .iter()
        .find(|candidate| candidate.id == id)
        .map(|lot| messages::lots::lot(&name, lot)))
}

/// Saves a hold with its wallet. Expired lots that it no longer pins expire, and rules of
/// auto-recharge are evaluated.
pub(crate) async fn save_payment_hold(
    tx: &mut WriteTx,
    locked: &mut Locked,
    hold: &Hold,
) -> Result<(pb::Wallet, pb::Hold), AppError> {
    let now = tx.now();
    let wallet = messages::wallets::wallet(&tx.call().tenant, &locked.wallet, now)?;
    let rendered = messages::holds::hold(&wallet.name, hold)?;
    schedule_overdue_lots(tx, &locked.wallet, now).await?;
    save_wallet(tx, locked).await?;
    holds::save(tx, locked.wallet.id, hold).await?;
    schedule_recharges(tx, [&locked.wallet]).await?;
    Ok((wallet, rendered))
}
