//! Auto-recharge at work: changes of a wallet mark it, the job judges its rules and tops up from
//! the collection method, the end of the top-up judges again.

use super::create_top_up::{begin, wallet_name};
use crate::{
    App, jobs, parse_recharge,
    store::{customers, methods, recharges, settings, top_ups, wallets},
};
use chrono::TimeDelta;
use payterms_chassis::{
    AppError, WriteTx,
    flow::Lease,
    jobs::{DueRow, cancel, schedule, schedule_once, take},
    kill, names,
};
use payterms_kernel::{
    Id, Money, Refusal,
    calendar::{day_in, first_of_month, next_month_end_after, start_of_day},
};
use payterms_proto::wallet::v1::AutoRechargeChanged;
use payterms_wallet_domain::{
    AutoRecharge, TopUp, Wallet,
    recharge::Rules,
    top_up::{self, Source, Terms},
};
use std::collections::HashSet;

/// Marks those of the wallets whose rules ask for credit now; answers those that have rules.
///
/// # Errors
/// The database's.
pub async fn mark(tx: &WriteTx, changed: impl IntoIterator<Item = &Wallet>) -> Result<HashSet<Id<Wallet>>, AppError> {
    let changed: Vec<_> = changed.into_iter().collect();
    let ids: Vec<_> = changed.iter().map(|wallet| wallet.id).collect();
    let rules = recharges::of(tx.conn(), &tx.call().tenant, &ids).await?;
    for wallet in changed {
        if let Some(recharge) = rules.get(&wallet.id)
            && recharge.wanted(wallet, tx.now())?.is_some()
        {
            schedule_once(tx, jobs::RECHARGE, &wallet.id.to_string(), tx.now()).await?;
        }
    }
    Ok(rules.into_keys().collect())
}

/// Notes the end of a recharge and judges the rules again; other top-ups only judge.
///
/// # Errors
/// The database's.
pub async fn ended(tx: &mut WriteTx, wallet: &Wallet, top_up: &TopUp) -> Result<(), AppError> {
    let mut recharge = recharges::find(tx.conn(), &tx.call().tenant, wallet.id).await?;
    if recharge.open == Some(top_up.id) {
        recharge.end(top_up, tx.now());
        publish(tx, wallet, &recharge).await?;
    }
    mark(tx, [wallet]).await?;
    Ok(())
}

/// Saves the rules and tells how they stand; a failure's next try is scheduled.
///
/// # Errors
/// The database's.
pub async fn publish(tx: &mut WriteTx, wallet: &Wallet, recharge: &AutoRecharge) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    recharges::save(tx.conn(), &tenant, wallet, recharge).await?;
    match recharge.retry_at {
        Some(at) => schedule(tx, jobs::RETRY_RECHARGE, &wallet.id.to_string(), at).await?,
        None => cancel(tx, jobs::RETRY_RECHARGE, &wallet.id.to_string()).await?,
    }
    let rendered = parse_recharge::render(&wallet_name(&tenant, wallet), recharge);
    tx.emit("auto_recharge", &wallet.id.to_string(), &AutoRechargeChanged { auto_recharge: Some(rendered) }).await
}

/// Judges a marked wallet and, where a rule asks for credit, tops it up.
///
/// # Errors
/// The database's; a provider that does not answer leaves the top-up to its recovery.
pub async fn run(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some((mut tx, wallet)) = open(app, row).await? else { return Ok(()) };
    let mut recharge = recharges::find(tx.conn(), &row.tenant, wallet.id).await?;
    let lease = match recharge.wanted(&wallet, tx.now())? {
        Some(credit) => ask(app, &mut tx, &wallet, &mut recharge, credit).await?,
        None => None,
    };
    tx.commit_rows().await?;
    kill::point("recharge.after_intent");
    match lease {
        Some(lease) => app.flows.drive(lease).await,
        None => Ok(()),
    }
}

/// The time of a failed recharge has come: it is tried again.
///
/// # Errors
/// The database's.
pub async fn retry(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some((mut tx, wallet)) = open(app, row).await? else { return Ok(()) };
    let mut recharge = recharges::find(tx.conn(), &row.tenant, wallet.id).await?;
    if recharge.retry().is_ok() {
        publish(&mut tx, &wallet, &recharge).await?;
        mark(&tx, [&wallet]).await?;
    }
    tx.commit_rows().await
}

/// Takes a due row of a wallet under the wallet's lock; none if it is done already.
async fn open(app: &App, row: &DueRow) -> Result<Option<(WriteTx, Wallet)>, AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("wallet {:?}", row.subject))) };
    let call = row.call("wallet", id);
    let tx = app.db.begin_forward(&call).await?;
    let Some(locked) = wallets::lock_many(&tx, &[Id::from_uuid(id)]).await?.pop() else { return Ok(None) };
    Ok(take(&tx, row).await?.then_some((tx, locked.wallet)))
}

/// Asks for a recharge; what cannot be asked for is shown as a failure, never silent.
async fn ask(app: &App, tx: &mut WriteTx, wallet: &Wallet, recharge: &mut AutoRecharge, credit: Money) -> Result<Option<Lease>, AppError> {
    match judge(tx, wallet, &recharge.rules, credit).await? {
        Ok(top_up) => {
            recharge.begin(top_up.id, wallet, tx.now())?;
            let lease = begin(app, tx, &wallet_name(&tx.call().tenant, wallet), &top_up).await?;
            publish(tx, wallet, recharge).await?;
            Ok(Some(lease))
        }
        Err(refusal) => {
            recharge.refused(&refusal, tx.now());
            publish(tx, wallet, recharge).await?;
            Ok(None)
        }
    }
}

/// The top-up that a recharge makes: the least amount whose credit reaches, at least the minimum.
async fn judge(tx: &mut WriteTx, wallet: &Wallet, rules: &Rules, credit: Money) -> Result<Result<TopUp, Refusal>, AppError> {
    let tenant = tx.call().tenant.clone();
    let settings = settings::find(tx.conn(), &tenant).await?;
    let customer = customers::find(tx.conn(), &tenant, wallet.customer).await?.ok_or_else(Refusal::not_found)?;
    let own = methods::of_customer(tx.conn(), &tenant, wallet.customer).await?;
    let (now, today) = (tx.now(), day_in(tx.time().zone, tx.now()));
    let Some(method) = own.collection.and_then(|id| own.get(id)) else { return Ok(Err(no_method())) };
    let terms = Terms { settings: &settings, customer: &customer, method, today };
    let month = start_of_day(tx.time().zone, first_of_month(today));
    let charged = top_ups::recharged_since(tx.conn(), &tenant, wallet, month).await?;
    let asked = (|| {
        let rate = customer.must_have_tax()?.rate_percent;
        let amount = top_up::amount_for_credit(credit, rate, settings.top_up_tax_kind)?;
        let amount = amount.max(settings.minimum(method.kind, wallet.currency)?)?;
        rules.must_stay_below_ceiling(charged, amount)?;
        top_up::ask(wallet, tx.ids(), &terms, (amount, Source::AutoRecharge), now)
    })();
    Ok(asked)
}

/// There is no card that could be charged without a person present.
#[must_use]
pub fn no_method() -> Refusal {
    Refusal::precondition("COLLECTION_METHOD_REQUIRED", "There is no card to charge without a person present. Choose a collection method.")
}

/// The month's last day has begun: marks the wallet, and comes back next month.
///
/// # Errors
/// The database's.
pub async fn month_end(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some((mut tx, wallet)) = open(app, row).await? else { return Ok(()) };
    let mut recharge = recharges::find(tx.conn(), &row.tenant, wallet.id).await?;
    if recharge.rules.month_end.is_some() {
        // A new period ends what failed in the old one.
        recharge.start_anew();
        recharge.month_end_marked = true;
        publish(&mut tx, &wallet, &recharge).await?;
        // Two days on is next month in every zone, so a change of zone never runs a month twice.
        let after = row.due + TimeDelta::days(2);
        schedule(&tx, jobs::MONTH_END, &row.subject, next_month_end_after(tx.time().zone, after)).await?;
        mark(&tx, [&wallet]).await?;
    }
    tx.commit_rows().await
}
