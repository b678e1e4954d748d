//! Collects invoices by themselves: on the due date, then up the ladder. What is charged is a payment
//! like any other, from the collection method.

use super::{
    create_invoice::locked,
    create_payment::{FLOW, publish},
    finalize_invoice, notices,
    payment_steps::Wallet,
};
use crate::{App, commands::invoices::InvoiceRef, jobs, store::invoices};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    jobs::{DueRow, schedule_many, take},
    kill, names,
};
use payterms_invoicing_domain::{Invoice, collection::Notice};
use payterms_kernel::Id;
use payterms_proto::{
    invoicing::v1::RetryCollectionResponse,
    wallet::v1::{PaymentMethod, payment_method::Kind},
};
use uuid::Uuid;

/// Schedules the next try of invoices that have one.
///
/// # Errors
/// The database's.
pub async fn schedule_next(tx: &WriteTx, owned: &[Invoice]) -> Result<(), AppError> {
    let due: Vec<_> = owned.iter().filter_map(|own| own.collection.next_at.map(|at| (own.id.to_string(), at))).collect();
    Ok(schedule_many(tx, jobs::COLLECT, &due).await?)
}

/// Runs the job: a payment of what is payable begins, and is driven apart from it.
///
/// # Errors
/// The database's.
pub async fn run(app: &App, row: &DueRow) -> Result<(), AppError> {
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
    let before = invoice.version;
    let notice = match &account {
        Some((id, _)) => invoice.give_notice(*id, now)?,
        None => Notice::Enough,
    };
    let payment = if notice == Notice::Enough { invoice.collect(tx.ids(), now)? } else { None };
    let changed = invoice.version != before;
    schedule_next(&tx, &owned).await?;
    let Some(mut payment) = payment else {
        if let Some(invoice) = owned.first().filter(|_| changed) {
            finalize_invoice::publish(&mut tx, invoice).await?;
            if let Some((_, account)) = account.filter(|_| notice == Notice::Now) {
                notices::debit(&mut tx, invoice, account).await?;
            }
        }
        return tx.commit_rows().await;
    };
    let lease = app.flows.open(&tx, FLOW, payment.id.uuid()).await?;
    publish(&mut tx, &mut payment, &mut owned).await?;
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

/// Tries now, by hand.
///
/// # Errors
/// Those of [`Invoice::retry_collection`], `RESOURCE_NOT_FOUND`.
pub async fn retry(app: &App, call: &Call, named: &InvoiceRef) -> Result<Answer<RetryCollectionResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut invoice = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    invoice.retry_collection(tx.now())?;
    schedule_next(&tx, std::slice::from_ref(&invoice)).await?;
    let rendered = finalize_invoice::publish(&mut tx, &invoice).await?;
    tx.commit(RetryCollectionResponse { invoice: Some(rendered) }).await
}
