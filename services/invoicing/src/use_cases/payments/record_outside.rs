//! Records what was paid elsewhere.

use super::{
    confirm::{Credited, confirm_payment},
    pending::name_pending,
    save::publish_payment,
};
use crate::{
    app::App,
    commands::payments::OutsidePayment,
    store::{invoices, payments},
};
use chrono::NaiveDate;
use payterms_chassis::{Answer, AppError, Call, marks::must_be_free};
use payterms_invoicing_domain::{Invoice, InvoiceState, Payment};
use payterms_kernel::{Reason, Refusal, Violation};
use payterms_proto::invoicing::v1::RecordOutsidePaymentResponse;

/// Records what was paid elsewhere.
///
/// # Errors
/// Those of [`Payment::outside`], `RESOURCE_NOT_FOUND`, `DATE_IN_FUTURE`, `EXTERNAL_ID_TAKEN`.
pub async fn record_outside_payment(
    app: &App,
    call: &Call,
    outside: &OutsidePayment,
) -> Result<Answer<RecordOutsidePaymentResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let ids: Vec<_> = outside.invoices.iter().map(|(id, _)| *id).collect();
    let mut owned = invoices::lock_many(tx.conn(), &call.tenant, &ids).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let foreign = |invoice: &Invoice| {
        invoice.customer != outside.customer || invoice.state == InvoiceState::Draft
    };
    if owned.len() < ids.len() || owned.iter().any(foreign) {
        return Err(Refusal::not_found().into());
    }
    let now = tx.now();
    let today = tx.today();
    let received_on = outside.received_on.unwrap_or(today);
    must_have_come(received_on, today)?;
    let made = Payment::outside(
        tx.ids(),
        &mut owned,
        outside.invoices.clone(),
        outside.amount,
        outside.reference.clone(),
        received_on,
        now,
    );
    let mut payment = name_pending(&tx, &owned, made).await?;
    must_be_free(&tx, payments::NAMED, payment.id.uuid(), outside.marks.external_id.as_deref())
        .await?;
    payment.marks.clone_from(&outside.marks);
    let rendered = publish_payment(&mut tx, &mut payment, &mut owned).await?;
    confirm_payment(&mut tx, &payment, &owned, Credited::default()).await?;
    tx.commit(RecordOutsidePaymentResponse { payment: Some(rendered) }).await
}

/// Refuses a day that is still to come: nobody knows what will have been paid by then.
fn must_have_come(day: NaiveDate, today: NaiveDate) -> Result<(), Refusal> {
    if day <= today {
        return Ok(());
    }
    let description = format!(
        "The money cannot have come after today, {today}. Name that day or an earlier one."
    );
    Err(Refusal::invalid(vec![Violation {
        field: "receive_date".to_owned(),
        reason: Reason::DATE_IN_FUTURE,
        description,
    }]))
}
