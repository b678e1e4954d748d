//! Collections that wait for a dispute: each try that comes waits, and all go on once it is
//! decided, or another method is there (docs/domain/invoicing.md#collection-waits).

use super::{follow_method::last_day, outlook::collection_method, schedule::schedule_collections};
use crate::{
    app::App,
    store::{collection_waits, invoice_lists, method_copies},
    use_cases::{
        invoices::save::publish_invoice,
        mails::collection_notices::{PlannedBecause, mail_collection_planned},
    },
};
use chrono::NaiveDate;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, schedule, take},
    kill, names,
};
use payterms_invoicing_domain::{Customer, Invoice, dispute::NOTICE, waiting::Resumption};
use payterms_kernel::Id;
use payterms_proto::wallet::v1::PaymentMethodsChanged;

/// The job after the wallet has told of a customer's methods; its subject is the customer's id.
pub const JOB: &str = "go_on_collecting";

/// The most invoices of one transaction.
const BATCH: u64 = 100;

/// After what the wallet tells of a customer's methods was saved: what waits may go on. What begins
/// to wait meanwhile has either been committed, so that it is seen here, or reads what was saved.
pub(super) async fn follow_waits(tx: &WriteTx, customer: Id<Customer>) -> Result<(), AppError> {
    if invoice_lists::is_any_waiting(tx.conn(), &tx.call().tenant, customer).await? {
        schedule(tx, JOB, &customer.to_string(), tx.now()).await?;
    }
    Ok(())
}

/// Lets an invoice wait whose try has come. `dispute` is what the wallet answered before the
/// invoice was locked: where it has told of something else since, or not of this yet, nobody would
/// end the wait, so it does not begin. Returns whether it waits.
pub(super) async fn begin_to_wait(
    tx: &WriteTx,
    invoice: &mut Invoice,
    dispute: &str,
) -> Result<bool, AppError> {
    if dispute.is_empty()
        || method_copies::lock(tx, invoice.customer).await?.collection_waits_for != dispute
    {
        return Ok(false);
    }
    let (today, now) = (tx.today(), tx.now());
    let waits = invoice.wait_for_dispute(dispute, today, now);
    if waits {
        collection_waits::begin(tx, invoice, now).await?;
    }
    Ok(waits)
}

/// What waits goes on, or waits for another dispute; the customer is told.
pub async fn resume_collecting(app: &App, row: &DueRow) -> Result<(), AppError> {
    let fault = || AppError::Fault(format!("customer {:?}", row.subject));
    let id = names::uuid(&row.subject).ok_or_else(fault)?;
    let customer = Id::from_uuid(id);
    let mut tx = app.db.begin_forward(&row.call("invoicing", id)).await?;
    let known =
        method_copies::of_customer(tx.conn(), &row.tenant, customer).await?.unwrap_or_default();
    let mut waiting = invoice_lists::lock_waiting(
        tx.conn(),
        &row.tenant,
        customer,
        &known.collection_waits_for,
        BATCH,
    )
    .await?;
    // The wallet may tell of something else meanwhile: the job comes again then.
    let payment_methods_changed = method_copies::lock(&tx, customer).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    let day = day_of(&tx, &payment_methods_changed);
    let mut planned = Vec::new();
    for invoice in &mut waiting {
        if resume(&tx, invoice, &payment_methods_changed, day).await? {
            planned.push(invoice.clone());
        }
    }
    schedule_collections(&tx, &waiting).await?;
    for invoice in &waiting {
        publish_invoice(&mut tx, invoice).await?;
    }
    if !planned.is_empty() {
        let because = if usable(&payment_methods_changed, day) {
            PlannedBecause::Waited(collection_method(&payment_methods_changed).cloned())
        } else {
            PlannedBecause::WaitedInVain
        };
        mail_collection_planned(&mut tx, customer, &planned, day, because).await?;
    }
    if !waiting.is_empty() {
        // Those that go on wait no more, so the next batch has others.
        schedule(&tx, JOB, &row.subject, tx.now()).await?;
    }
    kill::point("waits.before_gone_on");
    tx.commit_rows().await?;
    kill::point("waits.after_gone_on");
    Ok(())
}

fn usable(payment_methods_changed: &PaymentMethodsChanged, day: NaiveDate) -> bool {
    collection_method(payment_methods_changed)
        .is_some_and(|payment_method| day <= last_day(payment_method))
}

/// The next day where a method can be charged then; else the second day after the notice.
fn day_of(tx: &WriteTx, payment_methods_changed: &PaymentMethodsChanged) -> NaiveDate {
    let tomorrow = tx.today().succ_opt().unwrap_or(NaiveDate::MAX);
    if usable(payment_methods_changed, tomorrow) {
        tomorrow
    } else {
        tx.today().checked_add_days(NOTICE).unwrap_or(NaiveDate::MAX)
    }
}

/// Returns whether it is collected on the day.
async fn resume(
    tx: &WriteTx,
    invoice: &mut Invoice,
    payment_methods_changed: &PaymentMethodsChanged,
    day: NaiveDate,
) -> Result<bool, AppError> {
    let now = tx.now();
    if !payment_methods_changed.collection_waits_for.is_empty() {
        invoice.wait_for_another(&payment_methods_changed.collection_waits_for, now);
        return Ok(false);
    }
    let resumption = Resumption { on: day, anew: !usable(payment_methods_changed, day) };
    let is_collected = invoice.resume(resumption, tx.time().zone, tx.today(), now)?;
    collection_waits::end(tx, invoice.id, now).await?;
    Ok(is_collected)
}
