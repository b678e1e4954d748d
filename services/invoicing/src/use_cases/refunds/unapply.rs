//! Takes what a payment has paid off an invoice.

use super::save::begin_refund;
use crate::{
    app::App,
    commands::refunds::UnapplyPayment,
    store::{payments, refunds},
    use_cases::{
        approvals::limit::must_be_within_limit, collections::schedule::schedule_collections,
        invoices::load::lock_invoice,
    },
};
use chrono::TimeDelta;
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::{Refund, approval::Together};
use payterms_kernel::{Money, Refusal};
use payterms_proto::invoicing::v1::UnapplyPaymentResponse;

/// Takes what a payment has paid off an invoice.
///
/// # Errors
/// `INVOICE_STATE`, `SECOND_PERSON_REQUIRED`, `REFUND_TOO_LARGE`, `RESOURCE_NOT_FOUND`.
pub async fn unapply_payment(
    app: &App,
    call: &Call,
    UnapplyPayment { invoice: named, payment, amount }: &UnapplyPayment,
) -> Result<Answer<UnapplyPaymentResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut invoice = lock_invoice(&tx, named).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let mut payments = payments::lock_of_invoice(tx.conn(), &call.tenant, invoice.id).await?;
    payments.retain(|each| each.id == *payment);
    if payments.is_empty() {
        let found = payments::find(tx.conn(), &call.tenant, *payment).await?;
        found
            .filter(|payment| payment.customer == named.customer)
            .ok_or_else(Refusal::not_found)?;
    }
    let zero = Money::zero(invoice.currency);
    let amount = amount
        .unwrap_or_else(|| payments.first().map_or(zero, |payment| payment.paid_of(invoice.id)));
    let so_far = match payments.first() {
        Some(payment) => refunds::unapplied_of(tx.conn(), &call.tenant, payment).await?,
        None => zero,
    };
    // All that is taken back of the payment, on whatever invoice: many small ones are a large one.
    let what = "all that is taken back of one payment without a credit note";
    must_be_within_limit(&tx, Together { what, so_far, amount, proposal: None }).await?;
    let (now, zone) = (tx.now(), tx.time().zone);
    let from = now + TimeDelta::days(1);
    invoice.reopen(amount, from, now)?;
    invoice.collect_again(zone, from, now);
    let refund = Refund::of(tx.ids(), &mut invoice, &mut payments, amount, None, now)?;
    schedule_collections(&tx, std::slice::from_ref(&invoice)).await?;
    begin_refund(app, tx, call, &refund, &invoice, &payments).await
}
