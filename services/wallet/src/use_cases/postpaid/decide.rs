//! Says yes or no to a postpaid agreement; with a yes the wallet is postpaid from now on.

use super::save::publish_agreement;
use crate::{
    app::App,
    commands::postpaid::DecidePostpaid,
    store::{customers, postpaid, recharges, settings, wallets::Locked},
    use_cases::{
        months,
        recharges::{mark_month_end, save::publish_recharge},
        wallets::{load::lock_wallet, save::save_wallet},
    },
};
use chrono::Months;
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    jobs::{cancel, schedule},
};
use payterms_kernel::{
    Refusal,
    calendar::{day_in, first_of_month, start_of_day},
};
use payterms_proto::wallet::v1::DecidePostpaidResponse;
use payterms_wallet_domain::{postpaid::Terms, recharge::Rules};

/// Says yes or no.
///
/// # Errors
/// Those of the domain's `approve` and `refuse`, `RESOURCE_NOT_FOUND`.
pub async fn decide_postpaid(app: &App, call: &Call, command: &DecidePostpaid) -> Result<Answer<DecidePostpaidResponse>, AppError> {
    let named = &command.agreement.wallet;
    let mut tx = app.db.begin(call).await?;
    let mut locked = lock_wallet(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let found = postpaid::find(tx.conn(), &call.tenant, locked.wallet.id, command.agreement.agreement).await?;
    let mut agreement = found.ok_or_else(Refusal::not_found)?;
    let (now, today) = (tx.now(), day_in(tx.time().zone, tx.now()));
    if command.approve {
        let settings = settings::find(tx.conn(), &call.tenant).await?;
        let customer = customers::find(tx.conn(), &call.tenant, named.customer).await?.ok_or_else(Refusal::not_found)?;
        let terms = Terms {
            commitment: command.commitment.unwrap_or(agreement.terms.commitment),
            limit: command.limit.unwrap_or(agreement.terms.limit),
        };
        agreement.approve((&mut locked.wallet, &settings, &customer), terms, command.explanation.clone(), (today, now))?;
        begin_postpaid(&mut tx, &mut locked).await?;
    } else {
        agreement.refuse(command.explanation.clone(), now)?;
    }
    let postpaid_agreement = Some(publish_agreement(&mut tx, &locked, &agreement).await?);
    tx.commit(DecidePostpaidResponse { postpaid_agreement }).await
}

/// The wallet is postpaid from now on: its month's end falls due, and auto-recharge is off.
async fn begin_postpaid(tx: &mut WriteTx, locked: &mut Locked) -> Result<(), AppError> {
    let (tenant, zone) = (tx.call().tenant.clone(), tx.time().zone);
    let subject = locked.wallet.id.to_string();
    if locked.wallet.closes.is_none() {
        let this = first_of_month(day_in(zone, tx.now()));
        locked.wallet.closes = Some(this);
        let next = this.checked_add_months(Months::new(1)).unwrap_or(this);
        schedule(tx, months::close::JOB, &subject, start_of_day(zone, next)).await?;
    }
    save_wallet(tx, locked).await?;
    let mut rules = recharges::find(tx.conn(), &tenant, locked.wallet.id).await?;
    if !rules.rules.is_none() {
        rules.rules = Rules::default();
        rules.month_end_marked = false;
        rules.start_anew();
        rules.version = rules.version.saturating_add(1);
        publish_recharge(tx, &locked.wallet, &rules).await?;
        cancel(tx, mark_month_end::JOB, &subject).await?;
    }
    Ok(())
}
