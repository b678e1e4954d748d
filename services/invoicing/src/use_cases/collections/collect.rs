//! Collects invoices by themselves: on the due date, then up the ladder. What is charged is a payment
//! like any other, from the collection method.

use super::schedule::schedule_collections;
use crate::{
    app::App,
    peers::wallet::Wallet,
    store::invoices,
    use_cases::{
        invoices::save::publish_invoice,
        mails::notices::mail_debit_notice,
        payments::{drive, save::publish_payment},
    },
};
use payterms_chassis::{
    AppError,
    jobs::{DueRow, take},
    kill, names,
};
use payterms_invoicing_domain::{CollectionState, Invoice, collection::Notice};
use payterms_kernel::{
    Id,
    calendar::{day_in, start_of_day},
};
use payterms_proto::wallet::v1::{PaymentMethod, payment_method::Kind};
use uuid::Uuid;

/// Collects an invoice; the subject is the invoice's id.
pub const JOB: &str = "collect";

/// A payment of what is payable begins, and is driven apart from the job.
pub async fn collect_invoice(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("invoice {:?}", row.subject))) };
    let call = row.call("invoicing", id);
    let account = account_of(app, row, Id::from_uuid(id)).await?;
    let mut tx = app.db.begin_forward(&call).await?;
    let mut owned = invoices::lock_many(tx.conn(), &row.tenant, &[Id::from_uuid(id)]).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    let now = tx.now();
    let Some(invoice) = owned.first_mut() else { return Ok(()) };
    let (before, zone) = (invoice.version, tx.time().zone);
    if let Some(day) = invoice.spared_until(day_in(zone, now)).filter(|_| invoice.collection.state == CollectionState::Scheduled) {
        // A payment was taken back: its customer was promised to hear of it first.
        invoice.collect_later(start_of_day(zone, day), now);
        schedule_collections(&tx, &owned).await?;
        if let Some(invoice) = owned.first() {
            publish_invoice(&mut tx, invoice).await?;
        }
        return tx.commit_rows().await;
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

/// The bank account that an invoice will be collected from: the wallet is asked before anything is locked.
async fn account_of(app: &App, row: &DueRow, id: Id<Invoice>) -> Result<Option<(Uuid, PaymentMethod)>, AppError> {
    let conn = app.db.read(&row.tenant).await?;
    let found = invoices::find_many(&conn, &row.tenant, &[id]).await?.pop();
    drop(conn);
    let Some(invoice) = found else { return Ok(None) };
    let means = Wallet::new(app, &row.tenant, invoice.customer).means(invoice.currency).await?;
    let account = means.payment_methods.into_iter().find(|own| own.collection_method && own.kind() == Kind::BankDebit);
    Ok(account.and_then(|own| Some((names::uuid(own.name.rsplit('/').next()?)?, own))))
}
