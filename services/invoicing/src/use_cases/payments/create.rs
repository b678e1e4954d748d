//! Pays invoices: plans a payment, stores it as an intent and starts its driver.

use super::{
    announce::announce_transfer,
    drive,
    means::{find_means, must_have_credit},
    plan::{lock_invoices_to_pay, plan_payment},
    save::publish_payment,
};
use crate::{
    app::App,
    commands::payments::ToPay,
    store::payments,
    use_cases::deferrals::means::{find_line_means, must_have_line},
};
use payterms_chassis::{Answer, AppError, Call, kill, marks::must_be_free};
use payterms_proto::invoicing::v1::{
    ApplyCreditResponse, CreatePaymentResponse, PayLaterResponse, Payment as PaymentMessage,
};
use prost::Message;
use uuid::Uuid;

/// The answers of the two verbs have the same shape: one field, the payment.
pub trait PaymentAnswer: Message + Default {
    /// The answer that holds a payment.
    fn of(payment: PaymentMessage) -> Self;
}

impl PaymentAnswer for CreatePaymentResponse {
    fn of(payment: PaymentMessage) -> Self {
        Self { payment: Some(payment) }
    }
}

impl PaymentAnswer for PayLaterResponse {
    fn of(payment: PaymentMessage) -> Self {
        Self { payment: Some(payment) }
    }
}

impl PaymentAnswer for ApplyCreditResponse {
    fn of(payment: PaymentMessage) -> Self {
        Self { payment: Some(payment) }
    }
}

/// Pays invoices; answers when the payment has ended or waits.
///
/// # Errors
/// Those of [`payterms_invoicing_domain::payment::ask`], `INSUFFICIENT_FUNDS`, `EXTERNAL_ID_TAKEN`,
/// `RESOURCE_NOT_FOUND`.
pub async fn create_payment<A: PaymentAnswer>(
    app: &App,
    call: &Call,
    to_pay: &ToPay,
) -> Result<Answer<A>, AppError> {
    if app.flows.knows(call).await? {
        let mut tx = app.db.begin_forward(call).await?;
        tx.seen().await?;
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let means = find_means(app, to_pay).await?;
    let line = find_line_means(app, to_pay, &means).await?;
    let mut tx = app.db.begin(call).await?;
    let mut owned = lock_invoices_to_pay(&tx, to_pay).await?;
    // Before the payment is planned: one of the same id may have reserved what it asks for.
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    must_be_free(&tx, payments::NAMED, Uuid::nil(), to_pay.marks.external_id.as_deref()).await?;
    let mut payment = plan_payment(&mut tx, to_pay, &means, &mut owned).await?;
    payment.marks.clone_from(&to_pay.marks);
    must_have_credit(&payment, &means)?;
    must_have_line(&payment, line.as_ref())?;
    let lease = app.flows.open(&tx, drive::FLOW, payment.id.uuid()).await?;
    if payment.is_announced() {
        announce_transfer(&mut tx, &mut payment, &owned).await?;
    }
    publish_payment(&mut tx, &mut payment, &mut owned).await?;
    kill::point("payment.before_intent");
    tx.commit_intent(payment.id.uuid()).await?;
    kill::point("payment.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}
