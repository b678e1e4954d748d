//! Approves or refuses a postpaid agreement. An approval makes the wallet postpaid at once.

use super::save::publish_decision;
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
use chrono::{Months, NaiveDate};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    jobs::{cancel, schedule},
};
use payterms_kernel::{
    Refusal,
    calendar::{first_of_month, start_of_day},
};
use payterms_proto::wallet::v1::DecidePostpaidResponse;
use payterms_wallet_domain::{
    postpaid::{Parties, Terms},
    recharge::Rules,
};

/// Approves or refuses an agreement.
///
/// # Errors
/// As the domain's `approve` and `refuse`; `RESOURCE_NOT_FOUND`.
pub async fn decide_postpaid(
    app: &App,
    call: &Call,
    command: &DecidePostpaid,
) -> Result<Answer<DecidePostpaidResponse>, AppError> {
    let named = &command.agreement.wallet;
    let mut tx = app.db.begin(call).await?;
    let mut locked = lock_wallet(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let found =
        postpaid::find(tx.conn(), &call.tenant, locked.wallet.id, command.agreement.agreement)
            .await?;
    let mut agreement = found.ok_or_else(Refusal::not_found)?;
    let now = tx.now();
    let today = tx.today();
    if command.approve {
        let settings = settings::find(tx.conn(), &call.tenant).await?;
        let customer = customers::find(tx.conn(), &call.tenant, named.customer)
            .await?
            .ok_or_else(Refusal::not_found)?;
        let terms = Terms {
            commitment: command.commitment.unwrap_or(agreement.terms.commitment),
            limit: command.limit.unwrap_or(agreement.terms.limit),
        };
        let parties =
            Parties { wallet: &mut locked.wallet, settings: &settings, customer: &customer };
        agreement.approve(parties, terms, command.explanation.clone(), today, now)?;
        begin_postpaid(&mut tx, &mut locked, today).await?;
    } else {
        agreement.refuse(command.explanation.clone(), now)?;
    }
    let postpaid_agreement = Some(publish_decision(&mut tx, &locked, &agreement).await?);
    tx.commit(DecidePostpaidResponse { postpaid_agreement }).await
}

/// Makes a wallet postpaid: schedules the closing of its month and turns auto-recharge off.
async fn begin_postpaid(
    tx: &mut WriteTx,
    locked: &mut Locked,
    today: NaiveDate,
) -> Result<(), AppError> {
    let (tenant, zone) = (tx.call().tenant.clone(), tx.time().zone);
    let subject = locked.wallet.id.to_string();
    if locked.wallet.closes.is_none() {
        let current_month = first_of_month(today);
        locked.wallet.closes = Some(current_month);
        let next = current_month.checked_add_months(Months::new(1)).unwrap_or(current_month);
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
