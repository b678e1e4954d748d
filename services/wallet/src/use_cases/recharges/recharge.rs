//! Evaluates the rules of a wallet, and tops it up if one requires credit.

use super::{
    load::{RechargeTerms, claim_due_wallet, instants},
    save::{publish_recharge, publish_refused_recharge},
};
use crate::{
    app::App,
    commands::wallets::name_of,
    store::{recharges, settings},
    use_cases::top_ups::save::begin_top_up,
};
use payterms_chassis::{AppError, WriteTx, flow::Lease, jobs::DueRow, kill};
use payterms_kernel::{Reason, Refusal, calendar::day_in};
use payterms_wallet_domain::{
    AutoRecharge, TopUp, Wallet,
    recharge::{NotCharged, Rules, Wanted},
    top_up::{self, Source, Terms},
};

/// The job; its subject is the wallet's id.
pub const JOB: &str = "recharge";

/// Evaluates the rules of an enqueued wallet and tops it up if one requires credit. If the provider
/// does not answer, the recovery finishes the top-up.
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

/// Begins a recharge. If it cannot be made, that is stored as a failure, so that the customer sees
/// it.
async fn begin_recharge(
    app: &App,
    tx: &mut WriteTx,
    wallet: &Wallet,
    recharge: &mut AutoRecharge,
    wanted: Wanted,
) -> Result<Option<Lease>, AppError> {
    match evaluate_rules(app, tx, wallet, &recharge.rules, wanted).await? {
        Ok(top_up) => {
            recharge.begin(top_up.id, wallet, tx.now())?;
            let lease = begin_top_up(app, tx, &name_of(&tx.call().tenant, wallet), &top_up).await?;
            publish_recharge(tx, wallet, recharge).await?;
            Ok(Some(lease))
        }
        Err(why) => {
            let is_told = recharge.not_charged(&why, instants(tx));
            publish_refused_recharge(tx, wallet, recharge, is_told).await?;
            Ok(None)
        }
    }
}

/// The top-up of a recharge: the least amount that gives the required credit, or what the ceiling
/// leaves of it, and at least the minimum.
async fn evaluate_rules(
    app: &App,
    tx: &mut WriteTx,
    wallet: &Wallet,
    rules: &Rules,
    wanted: Wanted,
) -> Result<Result<TopUp, NotCharged>, AppError> {
    let (now, zone) = (tx.now(), tx.time().zone);
    // What is read of them below stays so until the charge is stored.
    settings::hold(tx.conn(), &tx.call().tenant).await?;
    let loaded = RechargeTerms::load(tx.conn(), &tx.call().tenant, wallet, zone, now).await?;
    let Some(method) = &loaded.method else { return Ok(Err(no_collection_method().into())) };
    let terms = Terms {
        settings: &loaded.settings,
        customer: &loaded.customer,
        method,
        today: day_in(zone, now),
    };
    let top_up = (|| {
        loaded.customer.must_have_tax()?;
        app.must_reach(&loaded.settings, &method.provider)?;
        loaded.settings.minimum(method.kind, wallet.currency)?;
        let amount = rules.fit(loaded.charged, wanted, |credit| loaded.charge(credit))?;
        Ok(top_up::ask(wallet, tx.ids(), &terms, amount, Source::AutoRecharge, now)?)
    })();
    Ok(top_up)
}

/// The refusal if no method can be charged without a person present.
#[must_use]
pub fn no_collection_method() -> Refusal {
    Refusal::precondition(
        Reason::COLLECTION_METHOD_REQUIRED,
        "There is no card to charge without a person present. Choose a collection method.",
    )
}
