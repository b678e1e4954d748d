//! Collects invoices by themselves: on the due date, then up the ladder. What is charged is a
//! payment like any other, from the collection method.

use super::{resume::begin_to_wait, schedule::schedule_collections};
use crate::{
    app::App,
    peers::wallet::Wallet,
    store::invoices,
    use_cases::{
        invoices::save::publish_invoice,
        mails::{
            collection_notices::mail_debit_notice,
            invoice_notices::{self, WAITS_FOR_THE_MONTH},
        },
        payments::{drive, save::publish_payment},
        statements::{mail_month, turn_month},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, is_any_due, take},
    kill, names,
    zones::due_at,
};
use payterms_invoicing_domain::{CollectionState, Invoice, InvoiceState, collection::Notice};
use payterms_kernel::{
    Id,
    calendar::{day_in, first_of_month, start_of_day},
};
use payterms_proto::wallet::v1::{PaymentMethod, payment_method::Kind};
use uuid::Uuid;

/// Collects an invoice; the subject is the invoice's id.
pub const JOB: &str = "collect";

/// When it is looked again where the wallet has not told yet of what it answered.
const PAUSE: TimeDelta = TimeDelta::hours(1);

/// A payment of what is payable begins, and is driven apart from the job.
pub async fn collect_invoice(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("invoice {:?}", row.subject)));
    };
    let call = row.call("invoicing", id);
    let (account, waits_for) = means_of(app, row, Id::from_uuid(id)).await?;
    let mut tx = app.db.begin_forward(&call).await?;
    let mut owned = invoices::lock_many(tx.conn(), &row.tenant, &[Id::from_uuid(id)]).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    let now = tx.now();
    let Some(invoice) = owned.first_mut() else { return Ok(()) };
    let (before, zone) = (invoice.version, tx.time().zone);
    if let Some(day) = invoice
        .spared_until(day_in(zone, now))
        .filter(|_| invoice.collection.state == CollectionState::Scheduled)
    {
        // A payment was taken back: its customer was promised to hear of it first.
        invoice.collect_later(start_of_day(zone, day), now);
        schedule_collections(&tx, &owned).await?;
        return save_alone(tx, &owned).await;
    }
    if let Some(at) = after_mails_of_month(&tx, invoice).await?.filter(|_| {
        invoice.collection.state == CollectionState::Scheduled && invoice.block.is_none()
    }) {
        invoice.collect_later(at, now);
        schedule_collections(&tx, &owned).await?;
        return save_alone(tx, &owned).await;
    }
    let is_tried = invoice.state == InvoiceState::Open
        && invoice.collection.state == CollectionState::Scheduled
        && invoice.block.is_none();
    if is_tried && !waits_for.is_empty() {
        if !begin_to_wait(&tx, invoice, &waits_for).await? {
            invoice.collect_later(now + PAUSE, now);
        }
        schedule_collections(&tx, &owned).await?;
        return save_alone(tx, &owned).await;
    }
    let notice = match &account {
        Some((id, _)) => invoice.give_notice(*id, now)?,
        None => Notice::Enough,
    };
    let payment = if notice == Notice::Enough { invoice.collect(tx.ids(), now)? } else { None };
    let changed = invoice.version != before;
    schedule_collections(&tx, &owned).await?;
    let Some(mut payment) = payment else {
        if let Some(invoice) = owned.first().filter(|_| changed) {
            publish_invoice(&mut tx, invoice).await?;
            if let Some((_, account)) = account.filter(|_| notice == Notice::Now) {
                mail_debit_notice(&mut tx, invoice, account).await?;
            }
        }
        return tx.commit_rows().await;
    };
    let lease = app.flows.open(&tx, drive::FLOW, payment.id.uuid()).await?;
    publish_payment(&mut tx, &mut payment, &mut owned).await?;
    tx.commit_rows().await?;
    kill::point("collection.after_intent");
    app.flows.spawn(lease);
    Ok(())
}

async fn save_alone(mut tx: WriteTx, owned: &[Invoice]) -> Result<(), AppError> {
    if let Some(invoice) = owned.first() {
        publish_invoice(&mut tx, invoice).await?;
    }
    tx.commit_rows().await
}

/// When collections begin after the turn of a month, while mails of the turn are still to be
/// written that would tell of this invoice (docs/domain/invoicing.md#month-collections); `None`
/// where there are none.
async fn after_mails_of_month(
    tx: &WriteTx,
    invoice: &Invoice,
) -> Result<Option<DateTime<Utc>>, AppError> {
    let (zone, now) = (tx.time().zone, tx.now());
    let begins = start_of_day(zone, first_of_month(day_in(zone, now))) + WAITS_FOR_THE_MONTH;
    if now >= begins {
        return Ok(None);
    }
    let is_notice_due = due_at(tx, invoice_notices::JOB, &invoice.id.to_string())
        .await?
        .is_some_and(|due| due <= begins);
    let waits = is_notice_due
        || is_any_due(tx, turn_month::JOB, now).await?
        || is_any_due(tx, mail_month::JOB, begins).await?;
    Ok(Some(begins).filter(|_| waits))
}

/// The bank account that an invoice will be collected from, and the dispute that its collection
/// waits for: the wallet is asked before anything is locked.
async fn means_of(
    app: &App,
    row: &DueRow,
    id: Id<Invoice>,
) -> Result<(Option<(Uuid, PaymentMethod)>, String), AppError> {
    let conn = app.db.read(&row.tenant).await?;
    let found = invoices::find_many(&conn, &row.tenant, &[id]).await?.pop();
    drop(conn);
    let Some(invoice) = found else { return Ok((None, String::new())) };
    let means = Wallet::new(app, &row.tenant, invoice.customer).means(invoice.currency).await?;
    let account = means.payment_methods.into_iter().find(|payment_method| {
        payment_method.collection_method && payment_method.kind() == Kind::BankDebit
    });
    let account = account.and_then(|payment_method| {
        Some((names::uuid(payment_method.name.rsplit('/').next()?)?, payment_method))
    });
    Ok((account, means.collection_waits_for))
}
