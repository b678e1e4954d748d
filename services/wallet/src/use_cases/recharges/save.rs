//! Saves and publishes the state of a wallet's rules, and enqueues wallets whose rules require
//! credit.

use super::{
    load::{RechargeTerms, instants},
    recharge, retry,
};
use crate::{
    commands::{customers::CustomerRef, wallets::name_of},
    messages::{methods::payment_method, recharges as messages},
    store::{methods, recharges},
};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{cancel, schedule, schedule_once},
};
use payterms_kernel::Id;
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{
    AutoRecharge, Methods, PaymentMethod, TopUp, TopUpState, Wallet, recharge::Change,
};
use std::collections::HashSet;

/// Enqueues the wallets whose rules require credit now. Returns the wallets that have rules.
pub async fn schedule_recharges(
    tx: &WriteTx,
    changed: impl IntoIterator<Item = &Wallet>,
) -> Result<HashSet<Id<Wallet>>, AppError> {
    let changed: Vec<_> = changed.into_iter().collect();
    let ids: Vec<_> = changed.iter().map(|wallet| wallet.id).collect();
    let rules = recharges::of(tx.conn(), &tx.call().tenant, &ids).await?;
    for wallet in changed {
        if let Some(rule) = rules.get(&wallet.id)
            && rule.wanted(wallet, tx.now())?.is_some()
        {
            schedule_once(tx, recharge::JOB, &wallet.id.to_string(), tx.now()).await?;
        }
    }
    Ok(rules.into_keys().collect())
}

/// Credit was bought by hand or by transfer: a stop that this can help ends, and the rules are
/// evaluated.
pub async fn credit_bought(tx: &mut WriteTx, wallet: &Wallet) -> Result<(), AppError> {
    let mut recharge = recharges::find(tx.conn(), &tx.call().tenant, wallet.id).await?;
    if recharge.end_stop(Change::CreditBought) {
        publish_recharge(tx, wallet, &recharge).await?;
    }
    schedule_recharges(tx, [wallet]).await?;
    Ok(())
}

/// Records the end of a recharge and enqueues the wallet again. After another top-up it only
/// enqueues the wallet.
pub async fn end_recharge(
    tx: &mut WriteTx,
    wallet: &Wallet,
    top_up: &TopUp,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let mut recharge = recharges::find(tx.conn(), &tenant, wallet.id).await?;
    if recharge.open == Some(top_up.id) {
        recharge.end(top_up, instants(tx));
        // The collection method may have been replaced while the old one was charged: its refusal
        // says nothing about the new one.
        if !recharge.failure.is_empty()
            && methods::of_customer(tx.conn(), &tenant, wallet.customer)
                .await?
                .is_replaced(Some(top_up.method))
        {
            recharge.end_stop(Change::MethodReplaced);
        }
        let charged = methods::get(tx.conn(), &tenant, top_up.method).await?;
        publish(tx, wallet, &recharge, Because { charged: charged.as_ref(), ..Because::default() })
            .await?;
    } else if top_up.state == TopUpState::Succeeded {
        return credit_bought(tx, wallet).await;
    }
    schedule_recharges(tx, [wallet]).await?;
    Ok(())
}

/// Saves and publishes the rules with their state, and schedules the retry after a failure.
pub async fn publish_recharge(
    tx: &mut WriteTx,
    wallet: &Wallet,
    recharge: &AutoRecharge,
) -> Result<pb::AutoRecharge, AppError> {
    publish(tx, wallet, recharge, Because::default()).await
}

/// The same where one could not be made. `is_told` says whether the customer knows of it already.
pub(super) async fn publish_refused_recharge(
    tx: &mut WriteTx,
    wallet: &Wallet,
    recharge: &AutoRecharge,
    is_told: bool,
) -> Result<(), AppError> {
    publish(tx, wallet, recharge, Because { is_told, ..Because::default() }).await.map(|_| ())
}

/// The same after the rules were set. `removed_because` says why a person of the tenant took them
/// away; empty: none did.
pub async fn publish_new_rules(
    tx: &mut WriteTx,
    wallet: &Wallet,
    recharge: &AutoRecharge,
    removed_because: &str,
) -> Result<pb::AutoRecharge, AppError> {
    publish(tx, wallet, recharge, Because { removed: removed_because, ..Because::default() }).await
}

/// What else an event of the rules says.
#[derive(Default)]
struct Because<'a> {
    /// Why a person of the tenant took them away; empty: none did.
    removed: &'a str,
    /// What the recharge was charged to that has ended.
    charged: Option<&'a PaymentMethod>,
    /// Whether the customer knows already why it has stopped.
    is_told: bool,
}

async fn publish(
    tx: &mut WriteTx,
    wallet: &Wallet,
    recharge: &AutoRecharge,
    because: Because<'_>,
) -> Result<pb::AutoRecharge, AppError> {
    let tenant = tx.call().tenant.clone();
    recharges::save(tx.conn(), &tenant, wallet, recharge).await?;
    match recharge.retry_at {
        Some(at) => schedule(tx, retry::JOB, &wallet.id.to_string(), at).await?,
        None => cancel(tx, retry::JOB, &wallet.id.to_string()).await?,
    }
    let terms = RechargeTerms::load(tx.conn(), &tenant, wallet, tx.time().zone, tx.now()).await?;
    let rendered = messages::auto_recharge(
        &name_of(&tenant, wallet),
        recharge,
        Some(terms.figures(&recharge.rules)?),
        tx.now(),
    );
    let customer = CustomerRef { tenant: tenant.clone(), customer: wallet.customer }.name();
    let event = pb::AutoRechargeChanged {
        auto_recharge: Some(rendered.clone()),
        removed_because: because.removed.to_owned(),
        told_before: because.is_told,
        payment_method: because
            .charged
            .map(|method| payment_method(&customer, method, &Methods::default())),
    };
    tx.emit("auto_recharge", &wallet.id.to_string(), &event).await?;
    Ok(rendered)
}
