//! Looks a customer's tax number up in the register: when it is new, and again after 90 days.

use super::save::{publish_customers, schedule_number_checks};
use crate::{
    app::App,
    store::{customers, tenants},
    tax_register::Answer,
    use_cases::mails::notices::mail_tax_number_invalid,
};
use chrono::TimeDelta;
use payterms_chassis::{
    AppError,
    jobs::{DueRow, schedule, take},
    names,
};
use payterms_invoicing_domain::TaxNumberState;
use payterms_kernel::Id;

/// Looks a number up; the subject is the customer.
pub const JOB: &str = "check_tax_number";

/// How often it is looked whether there is a register by now.
const WITHOUT_REGISTER: TimeDelta = TimeDelta::days(7);

/// Asks the register, outside of a transaction, then notes its answer. The job has a lane of its
/// own, since the register may hang. Whatever changes the number meanwhile schedules this job anew,
/// so that an answer about another number is not taken.
///
/// # Errors
/// `Fault` for a subject that is no customer.
pub async fn check_tax_number(app: &App, row: &DueRow) -> Result<(), AppError> {
    let id = names::uuid(&row.subject)
        .ok_or_else(|| AppError::Fault(format!("customer {:?}", row.subject)))?;
    let conn = app.db.read(&row.tenant).await?;
    let found = customers::find(&conn, &row.tenant, Id::from_uuid(id))
        .await?
        .zip(tenants::find(&conn, &row.tenant).await?);
    drop(conn);
    let number = found.as_ref().and_then(|(customer, tenant)| customer.number_to_ask_for(tenant));
    let requester = found.as_ref().and_then(|(_, tenant)| tenant.number_to_ask_with());
    let answer = match (&app.tax_register, &number) {
        (Some(register), Some(number)) => Some(register.ask(number, requester.as_ref()).await),
        _ => None,
    };
    let mut tx = app.db.begin_forward(&row.call("invoicing", id)).await?;
    let customer = customers::lock(tx.conn(), &row.tenant, Id::from_uuid(id)).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    let (Some(mut customer), Some(tenant)) =
        (customer, tenants::hold(tx.conn(), &row.tenant).await?)
    else {
        return tx.commit_rows().await;
    };
    let now = tx.now();
    // Tax rules may have changed since the lookup was scheduled, so the current rules decide.
    let is_answered = answer.is_some();
    let asked = answer.filter(|_| number == customer.number_to_ask_for(&tenant));
    match asked {
        Some(Answer::Found { valid, consultation }) => {
            let before = customer.tax_number.as_ref().map(|tax_number| tax_number.state);
            let state = if valid { TaxNumberState::Verified } else { TaxNumberState::Invalid };
            customer.number_answered(state, consultation, now);
            customer.resolve_tax(&tenant, now);
            schedule_number_checks(&tx, &tenant, std::slice::from_ref(&customer)).await?;
            customer.touch(now);
            publish_customers(&mut tx, std::slice::from_ref(&customer)).await?;
            if !valid && before != Some(TaxNumberState::Invalid) {
                mail_tax_number_invalid(&mut tx, &customer).await?;
            }
        }
        Some(Answer::Silent(failure)) => {
            let again = customer.number_unanswered(&failure, now);
            schedule(&tx, JOB, &row.subject, again).await?;
            customer.touch(now);
            publish_customers(&mut tx, std::slice::from_ref(&customer)).await?;
        }
        None if app.tax_register.is_none() && number.is_some() => {
            schedule(&tx, JOB, &row.subject, now + WITHOUT_REGISTER).await?;
        }
        // Another number, or another rule, than the one that was asked for: nothing is known of it
        // yet.
        None if is_answered => {
            schedule_number_checks(&tx, &tenant, std::slice::from_ref(&customer)).await?;
        }
        None => {}
    }
    tx.commit_rows().await
}
