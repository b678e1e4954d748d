//! Payments whose money moves elsewhere: announced transfers are cancelled by hand or when their time is
//! over; what was paid outside is recorded.

use super::create_payment::publish;
use crate::{
    App,
    commands::payments::{OutsidePayment, PaymentRef},
    store::{invoices, payments},
};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    jobs::{DueRow, cancel as cancel_due, take},
    names,
};
use payterms_invoicing_domain::{Invoice, InvoiceState, Payment};
use payterms_kernel::{Id, Refusal};
use payterms_proto::invoicing::v1::{CancelPaymentResponse, RecordOutsidePaymentResponse};

/// Locks the invoices of a payment, and the payment as it is under their locks.
async fn locked(tx: &WriteTx, id: Id<Payment>) -> Result<Option<(Payment, Vec<Invoice>)>, AppError> {
    let tenant = &tx.call().tenant;
    let Some(found) = payments::find(tx.conn(), tenant, id).await? else { return Ok(None) };
    let ids: Vec<_> = found.allocations.iter().map(|own| own.invoice).collect();
    let owned = invoices::lock_many(tx.conn(), tenant, &ids).await?;
    Ok(payments::find(tx.conn(), tenant, id).await?.map(|payment| (payment, owned)))
}

/// Cancels an announced transfer.
///
/// # Errors
/// `PAYMENT_STATE`, `RESOURCE_NOT_FOUND`.
pub async fn cancel(app: &App, call: &Call, named: &PaymentRef) -> Result<Answer<CancelPaymentResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let found = locked(&tx, named.payment).await?.filter(|(payment, _)| payment.customer == named.customer);
    let (mut payment, mut owned) = found.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    payment.cancel(&mut owned, tx.now())?;
    cancel_due(&tx, crate::jobs::LAPSE_TRANSFER, &payment.id.to_string()).await?;
    let rendered = publish(&mut tx, &mut payment, &mut owned).await?;
    tx.commit(CancelPaymentResponse { payment: Some(rendered) }).await
}

/// The time of an announced transfer is over.
///
/// # Errors
/// The database's.
pub async fn lapse(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("payment {:?}", row.subject))) };
    let mut tx = app.db.begin_forward(&row.call("invoicing", id)).await?;
    let found = locked(&tx, Id::from_uuid(id)).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    if let Some((mut payment, mut owned)) = found.filter(|(payment, _)| payment.is_announced()) {
        payment.cancel(&mut owned, tx.now())?;
        publish(&mut tx, &mut payment, &mut owned).await?;
    }
    tx.commit_rows().await
}

/// Records what was paid elsewhere.
///
/// # Errors
/// Those of [`Payment::outside`], `RESOURCE_NOT_FOUND`.
pub async fn outside(app: &App, call: &Call, told: &OutsidePayment) -> Result<Answer<RecordOutsidePaymentResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let ids: Vec<_> = told.invoices.iter().map(|(id, _)| *id).collect();
    let mut owned = invoices::lock_many(tx.conn(), &call.tenant, &ids).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let foreign = |own: &Invoice| own.customer != told.customer || own.state == InvoiceState::Draft;
    if owned.len() < ids.len() || owned.iter().any(foreign) {
        return Err(Refusal::not_found().into());
    }
    let now = tx.now();
    let mut payment = Payment::outside(tx.ids(), &mut owned, (told.invoices.clone(), told.amount), told.reference.clone(), now)?;
    let rendered = publish(&mut tx, &mut payment, &mut owned).await?;
    tx.commit(RecordOutsidePaymentResponse { payment: Some(rendered) }).await
}
