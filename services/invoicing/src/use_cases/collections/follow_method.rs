//! Follows the collection method of a customer.

use super::{outlook::collection_method, resume::follow_waits, schedule::schedule_collections};
use crate::{
    app::App,
    store::{collection_methods, invoice_lists, method_copies},
    use_cases::{
        invoices::save::publish_invoice,
        mails::collection_notices::{PlannedBecause, mail_collection_planned},
    },
};
use chrono::{NaiveDate, TimeDelta};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, schedule, take},
    kill, names,
};
use payterms_invoicing_domain::Customer;
use payterms_kernel::{
    Id,
    calendar::{day_in, month_end},
};
use payterms_proto::wallet::v1::{PaymentMethod, PaymentMethodsChanged};

/// The job after another method became the collection method; its subject is the customer's id.
pub const JOB: &str = "collect_from_new_method";

/// The most invoices of one transaction.
const BATCH: u64 = 100;

/// Notes the customer's methods, and until when one can be charged without a person present: mails
/// name them, and say where there is none.
///
/// # Errors
/// `Fault` for a name that is none.
pub async fn note_collection_method(
    tx: &WriteTx,
    changed: &PaymentMethodsChanged,
) -> Result<(), AppError> {
    let method =
        changed.payment_methods.iter().find(|payment_method| payment_method.collection_method);
    let customer = customer_of(changed)?;
    method_copies::save(tx, customer, changed).await?;
    collection_methods::save(tx, customer, method.map(last_day)).await?;
    follow_waits(tx, customer).await
}

/// A card can be charged until the end of the month in which it expires.
#[must_use]
pub fn last_day(method: &PaymentMethod) -> NaiveDate {
    let expires = NaiveDate::from_ymd_opt(
        method.expire_year,
        u32::try_from(method.expire_month).unwrap_or_default(),
        1,
    );
    expires.map_or_else(collection_methods::without_end, month_end)
}

/// Takes in that another method became the collection method.
///
/// # Errors
/// `Fault` for a name that is none.
pub async fn follow_method(tx: &WriteTx, changed: &PaymentMethodsChanged) -> Result<(), AppError> {
    Ok(schedule(tx, JOB, &customer_of(changed)?.to_string(), tx.now()).await?)
}

fn customer_of(changed: &PaymentMethodsChanged) -> Result<Id<Customer>, AppError> {
    let fault = || AppError::Fault(format!("customer {:?}", changed.customer));
    let customer = names::parse(&changed.customer, &["customers"]).ok_or_else(fault)?;
    Ok(Id::from_uuid(customer.id(0)))
}

/// The new method is tried once, a day later, for each unblocked invoice whose collection has
/// stopped, and the customer is told (docs/domain/invoicing.md#new-method).
pub async fn collect_from_new_method(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("customer {:?}", row.subject)));
    };
    let mut tx = app.db.begin_forward(&row.call("invoicing", id)).await?;
    let mut stopped =
        invoice_lists::lock_stopped(tx.conn(), &row.tenant, Id::from_uuid(id), BATCH).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    let now = tx.now();
    let at = now + TimeDelta::days(1);
    stopped.retain_mut(|invoice| invoice.try_new_method(at, now));
    schedule_collections(&tx, &stopped).await?;
    for invoice in &stopped {
        publish_invoice(&mut tx, invoice).await?;
    }
    if !stopped.is_empty() {
        let day = day_in(tx.time().zone, at);
        let methods = method_copies::of_customer(tx.conn(), &row.tenant, Id::from_uuid(id))
            .await?
            .unwrap_or_default();
        let because = PlannedBecause::NewMethod(collection_method(&methods).cloned());
        mail_collection_planned(&mut tx, Id::from_uuid(id), &stopped, day, because).await?;
        // Those that are tried are no longer stopped, so the next batch has others.
        schedule(&tx, JOB, &row.subject, now).await?;
    }
    kill::point("new_method.before_planned");
    tx.commit_rows().await?;
    kill::point("new_method.after_planned");
    Ok(())
}
