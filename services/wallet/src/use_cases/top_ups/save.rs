//! Stores the intent of a top-up, and records what the provider answered.

use super::{create::FLOW, settle};
use crate::{
    app::App,
    commands::wallets::name_of,
    messages,
    provider::ProviderCharge,
    store::{settings, top_ups, wallets::Locked},
    use_cases::{
        lots::expire::schedule_expiry, recharges::save::end_recharge, wallets::save::save_wallet,
    },
};
use payterms_chassis::{AppError, WriteTx, flow::Lease, jobs::schedule, render::money};
use payterms_kernel::Id;
use payterms_proto::wallet::v1::{CreditToppedUp, TopUpChanged};
use payterms_wallet_domain::{
    TopUp, TopUpState,
    top_up::{self, Charged},
};

/// Stores the intent of a top-up with its lease.
pub async fn begin_top_up(
    app: &App,
    tx: &mut WriteTx,
    wallet: &str,
    top_up: &TopUp,
) -> Result<Lease, AppError> {
    top_ups::save(tx, top_up).await?;
    let event = TopUpChanged {
        top_up: Some(messages::top_ups::top_up(wallet, top_up)?),
        paid_owed: None,
        owed: None,
    };
    tx.emit("top_up", &top_up.id.to_string(), &event).await?;
    app.flows.open(tx, FLOW, top_up.id.uuid()).await
}

/// Records the provider's answer: credit, rows, events. If the charge is not decided yet, a job
/// asks for it later.
pub(super) async fn record_top_up(
    tx: &mut WriteTx,
    locked: &mut Locked,
    id: Id<TopUp>,
    answer: ProviderCharge,
) -> Result<TopUp, AppError> {
    let found = top_ups::find(tx.conn(), &tx.call().tenant, id).await?;
    let mut top_up = found.ok_or_else(|| AppError::Fault(format!("no top-up {id}")))?;
    let now = tx.now();
    if let Charged::Processing(ready_at) = answer.outcome
        && top_up.state == TopUpState::Processing
    {
        schedule(tx, settle::JOB, &top_up.id.to_string(), ready_at.max(now)).await?;
    }
    let expires_at =
        settings::find(tx.conn(), &tx.call().tenant).await?.purchased_expiry(tx.time().zone, now);
    let owed = locked.wallet.owed;
    let lot = top_up::charged(&mut top_up, &mut locked.wallet, tx.ids(), answer, expires_at, now)?;
    let name = name_of(&tx.call().tenant, &locked.wallet);
    let rendered = messages::top_ups::top_up(&name, &top_up)?;
    top_ups::save(tx, &top_up).await?;
    if let Some(lot) = lot {
        if let Some(expiry) = expires_at {
            schedule_expiry(tx, locked.wallet.id, lot, expiry).await?;
        }
        let after = messages::wallets::wallet(&tx.call().tenant, &locked.wallet, now)?;
        let lot = locked
            .wallet
            .lots
            .iter()
            .find(|candidate| candidate.id == lot)
            .map(|lot| messages::lots::lot(&name, lot));
        save_wallet(tx, locked).await?;
        let event = CreditToppedUp { wallet: Some(after), lot, top_up: Some(rendered.clone()) };
        tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    }
    let paid_owed = Some(owed.minus(locked.wallet.owed)?)
        .filter(|paid| lot.is_some() && paid.is_positive())
        .map(money);
    let owed =
        Some(locked.wallet.debt()).filter(|owed| lot.is_some() && owed.is_positive()).map(money);
    tx.emit(
        "top_up",
        &top_up.id.to_string(),
        &TopUpChanged { top_up: Some(rendered), paid_owed, owed },
    )
    .await?;
    end_recharge(tx, &locked.wallet, &top_up).await?;
    Ok(top_up)
}
