//! Evaluates the rules of a wallet, and tops it up if one requires credit.

use super::{load::claim_due_wallet, save::publish_recharge};
use crate::{
    app::App,
    commands::wallets::name_of,
    store::{customers, methods, recharges, settings, top_ups},
    use_cases::top_ups::save::begin_top_up,
};
use payterms_chassis::{AppError, WriteTx, flow::Lease, jobs::DueRow, kill};
use payterms_kernel::{
    Money, Refusal,
    calendar::{day_in, first_of_month, next_month_after, start_of_day},
};
use payterms_wallet_domain::{
    AutoRecharge, TopUp, Wallet, WalletSettings,
    recharge::{Rules, Wanted},
    top_up::{self, Source, Terms},
};
use rust_decimal::Decimal;

/// The job; its subject is the wallet's id.
pub const JOB: &str = "recharge";

/// Evaluates the rules of an enqueued wallet and tops it up if one requires credit. If the provider does not answer, the
/// recovery finishes the top-up.
pub async fn recharge_wallet(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some((mut tx, wallet)) = claim_due_wallet(app, row).await? else { return Ok(()) };
    let mut recharge = recharges::find(tx.conn(), &row.tenant, wallet.id).await?;
    let lease = match recharge.wanted(&wallet, tx.now())? {
        Some(wanted) => begin_recharge(app, &mut tx, &wallet, &mut recharge, wanted).await?,
        None => None,
    };
    tx.commit_rows().await?;
    kill::point("recharge.after_intent");
    match lease {
        Some(lease) => app.flows.drive(lease).await,
        None => Ok(()),
    }
}

/// Begins a recharge. If it cannot be made, that is stored as a failure, so that the customer sees it.
async fn begin_recharge(
    app: &App,
    tx: &mut WriteTx,
    wallet: &Wallet,
    recharge: &mut AutoRecharge,
    wanted: Wanted,
) -> Result<Option<Lease>, AppError> {
    match evaluate_rules(tx, wallet, &recharge.rules, wanted).await? {
        Ok(top_up) => {
            recharge.begin(top_up.id, wallet, tx.now())?;
            let lease = begin_top_up(app, tx, &name_of(&tx.call().tenant, wallet), &top_up).await?;
            publish_recharge(tx, wallet, recharge).await?;
            Ok(Some(lease))
        }
        Err(refusal) => {
            recharge.refused(&refusal, (tx.now(), next_month_after(tx.time().zone, tx.now())));
            publish_recharge(tx, wallet, recharge).await?;
            Ok(None)
        }
    }
}

/// The top-up of a recharge: the least amount that gives the required credit, or what the ceiling leaves of it, and at least the
/// minimum.
async fn evaluate_rules(tx: &mut WriteTx, wallet: &Wallet, rules: &Rules, wanted: Wanted) -> Result<Result<TopUp, Refusal>, AppError> {
    let tenant = tx.call().tenant.clone();
    let settings = settings::find(tx.conn(), &tenant).await?;
    let customer = customers::find(tx.conn(), &tenant, wallet.customer).await?.ok_or_else(Refusal::not_found)?;
    let saved = methods::of_customer(tx.conn(), &tenant, wallet.customer).await?;
    let (now, today) = (tx.now(), day_in(tx.time().zone, tx.now()));
    let Some(method) = saved.collection.and_then(|id| saved.get(id)) else { return Ok(Err(no_collection_method())) };
    let terms = Terms { settings: &settings, customer: &customer, method, today };
    let month = start_of_day(tx.time().zone, first_of_month(today));
    let charged = top_ups::recharged_since(tx.conn(), &tenant, wallet, month).await?;
    let top_up = (|| {
        let rate = customer.must_have_tax()?.rate_percent;
        let least = settings.minimum(method.kind, wallet.currency)?;
        let amount = rules.fit(charged, wanted, |credit| charge_for(&settings, credit, (rate, least)))?;
        top_up::ask(wallet, tx.ids(), &terms, amount, Source::AutoRecharge, now)
    })();
    Ok(top_up)
}

/// What is charged for credit: with its tax, and at least the least charge.
///
/// # Errors
/// `AMOUNT_OUT_OF_RANGE`.
pub fn charge_for(settings: &WalletSettings, credit: Money, (rate, least): (Decimal, Money)) -> Result<Money, Refusal> {
    Ok(top_up::amount_for_credit(credit, rate, settings.top_up_tax_kind)?.max(least)?)
}

/// The refusal if no method can be charged without a person present.
#[must_use]
pub fn no_collection_method() -> Refusal {
    Refusal::precondition("COLLECTION_METHOD_REQUIRED", "There is no card to charge without a person present. Choose a collection method.")
}
