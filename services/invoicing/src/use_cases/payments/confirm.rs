//! Tells a customer that a payment of invoices has come, by a mail or a receipt as the tenant wants it
//! (docs/domain/invoicing.md#payment-notice).

use crate::{
    messages,
    store::{receipts, series},
    use_cases::{invoices::load::find_sides, mails::invoice_notices::mail_payment_received},
};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{
    Customer, Invoice, Payment, PaymentNotice, PaymentState, Receipt, Tenant, number::RECEIPTS, receipt::Subject,
};
use payterms_kernel::Money;
use payterms_proto::invoicing::v1::ReceiptIssued;

/// What a payment has paid of an invoice, and what is left of that.
#[derive(Debug, Clone)]
pub struct Paid {
    /// The invoice's number.
    pub number: String,
    /// What was paid.
    pub paid: Money,
    /// What is open now.
    pub open: Money,
    /// Whether a transfer is announced for it that is not needed any more.
    pub needs_no_transfer: bool,
}

/// Mails what a payment that has just ended has paid. An invoice that sells credit has its own receipt.
///
/// # Errors
/// None that a closed payment can cause.
pub async fn confirm_payment(tx: &mut WriteTx, payment: &Payment, owned: &[Invoice]) -> Result<(), AppError> {
    if !matches!(payment.state, PaymentState::Succeeded | PaymentState::Partial) {
        return Ok(());
    }
    let mut paid = Vec::with_capacity(payment.allocations.len());
    for allocation in payment.allocations.iter().filter(|own| own.paid.is_positive()) {
        let invoice = owned.iter().find(|own| own.id == allocation.invoice && own.top_up.is_none());
        if let Some((invoice, issue)) = invoice.and_then(|own| Some((own, own.issue.as_ref()?))) {
            let needs_no_transfer = invoice.needs_no_transfer()?;
            paid.push(Paid { number: issue.number.clone(), paid: allocation.paid, open: invoice.open()?, needs_no_transfer });
        }
    }
    let tenant = tx.call().tenant.clone();
    let sides = find_sides(tx, &tenant, payment.customer).await?;
    // Who has announced a transfer must know that it is not needed, else it is paid twice.
    let is_wanted = sides.0.payment_notice != PaymentNotice::None || paid.iter().any(|own| own.needs_no_transfer);
    if paid.is_empty() || sides.0.invoices_hidden || !is_wanted {
        return Ok(());
    }
    let receipt = match sides.0.payment_notice {
        PaymentNotice::Receipt => Some(issue_payment_receipt(tx, (&sides.0, &sides.1), payment, &paid).await?),
        PaymentNotice::Confirmation | PaymentNotice::None => None,
    };
    mail_payment_received(tx, payment, paid, receipt).await
}

async fn issue_payment_receipt(
    tx: &mut WriteTx,
    sides: (&Tenant, &Customer),
    payment: &Payment,
    paid: &[Paid],
) -> Result<Receipt, AppError> {
    let tenant = tx.call().tenant.clone();
    let (now, today) = (tx.now(), tx.today());
    let amount = paid.iter().try_fold(Money::zero(payment.currency), |sum, own| sum.plus(own.paid))?;
    let invoices = paid.iter().map(|own| (own.number.clone(), own.paid)).collect();
    let subject = Subject::Payment { payment: payment.id, paid_on: payment.effective_on.unwrap_or(today), invoices };
    let mut series = series::lock(tx.conn(), &tenant, RECEIPTS).await?;
    let receipt = Receipt::of_payment(tx.id(), sides, (subject, amount), (&mut series, today), now);
    series::save(tx.conn(), &tenant, &series).await?;
    receipts::insert(tx.conn(), &tenant, &receipt).await?;
    let event = ReceiptIssued { receipt: Some(messages::receipts::receipt(&tenant, &receipt, &[])) };
    tx.emit("receipt", &receipt.id.to_string(), &event).await?;
    Ok(receipt)
}
