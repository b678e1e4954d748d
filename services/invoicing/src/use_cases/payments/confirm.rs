//! Tells a customer that a payment of invoices has come, by a mail or a receipt as the tenant wants
//! it (docs/domain/invoicing.md#payment-notice).

use crate::{
    messages,
    peers::wallet::NewCredit,
    store::{bank_lines, invoices, receipts, series, transfer_refunds},
    use_cases::{
        invoices::load::find_sides,
        mails::invoice_notices::{PaymentReceived, mail_payment_received},
    },
};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{
    BankLine, Customer, Invoice, InvoiceState, Payment, PaymentNotice, PaymentState, Receipt,
    Tenant, number::RECEIPTS, payment::Source, receipt::Subject,
};
use payterms_kernel::{Id, Money};
use payterms_proto::invoicing::v1::ReceiptIssued;

/// The credit that a payment has made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credited {
    /// What a transfer has bought.
    pub bought: Option<NewCredit>,
    /// What was paid beyond the invoices, or is money on account.
    pub surplus: Option<NewCredit>,
}

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

/// Mails what a payment that has just ended has paid and what credit it has made. An invoice that
/// sells credit is its own tax document, so no receipt names it.
///
/// # Errors
/// None that a closed payment can cause.
pub async fn confirm_payment(
    tx: &mut WriteTx,
    payment: &Payment,
    owned: &[Invoice],
    credited: Credited,
) -> Result<(), AppError> {
    if !matches!(payment.state, PaymentState::Succeeded | PaymentState::Partial) {
        return Ok(());
    }
    let (mut paid, mut purchases) = (Vec::new(), Vec::new());
    for allocation in payment.allocations.iter().filter(|allocation| allocation.paid.is_positive())
    {
        let invoice = owned.iter().find(|invoice| invoice.id == allocation.invoice);
        if let Some((invoice, issue)) =
            invoice.and_then(|invoice| Some((invoice, invoice.issue.as_ref()?)))
        {
            let needs_no_transfer = invoice.top_up.is_none() && invoice.needs_no_transfer()?;
            let list = if invoice.top_up.is_some() { &mut purchases } else { &mut paid };
            list.push(Paid {
                number: issue.number.clone(),
                paid: allocation.paid,
                open: invoice.open()?,
                needs_no_transfer,
            });
        }
    }
    let tenant = tx.call().tenant.clone();
    let (seller, buyer) = find_sides(tx, &tenant, payment.customer).await?;
    if seller.invoices_hidden {
        paid.clear();
    }
    // Who has announced a transfer must know that it is not needed, else it is paid twice. Credit
    // is the customer's money.
    let makes_credit = credited.bought.is_some() || credited.surplus.is_some();
    let is_wanted = seller.payment_notice != PaymentNotice::None
        || paid.iter().any(|paid| paid.needs_no_transfer);
    if !makes_credit && (paid.is_empty() || !is_wanted) {
        return Ok(());
    }
    let lines = lines_of(tx, payment).await?;
    if paid.is_empty() && purchases.is_empty() && is_transfer_back(tx, &lines).await? {
        return Ok(());
    }
    let paid_before =
        if seller.invoices_hidden { Vec::new() } else { paid_before(tx, &lines, payment).await? };
    let receipt = match seller.payment_notice {
        PaymentNotice::Receipt if !paid.is_empty() => {
            Some(issue_payment_receipt(tx, &seller, &buyer, payment, &paid).await?)
        }
        _ => None,
    };
    let notice = PaymentReceived { paid, purchases, paid_before, credited, receipt };
    mail_payment_received(tx, payment, notice).await
}

/// The bank lines that a payment takes.
async fn lines_of(tx: &WriteTx, payment: &Payment) -> Result<Vec<BankLine>, AppError> {
    let mut lines = Vec::new();
    for tender in &payment.tenders {
        if let Source::Transfer(line) = tender.source {
            lines
                .extend(bank_lines::find(tx.conn(), &tx.call().tenant, Id::from_uuid(line)).await?);
        }
    }
    Ok(lines)
}

/// Whether its money is a transfer back of ours that came back: the customer paid nothing, and has
/// a mail of that.
async fn is_transfer_back(tx: &WriteTx, lines: &[BankLine]) -> Result<bool, AppError> {
    for line in lines {
        let Some(refund_of_customer) = line.refund else { continue };
        let refund =
            transfer_refunds::find(tx.conn(), &tx.call().tenant, refund_of_customer.refund).await?;
        if refund.and_then(|refund| refund.returned).is_some_and(|(by, _)| by == line.id) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The numbers of the invoices that its transfer names and pays nothing of, because they were paid
/// when it came (docs/domain/invoicing.md#payment-notice).
async fn paid_before(
    tx: &WriteTx,
    lines: &[BankLine],
    payment: &Payment,
) -> Result<Vec<String>, AppError> {
    let is_paid_by_it = |invoice| {
        payment
            .allocations
            .iter()
            .any(|allocation| allocation.invoice == invoice && allocation.paid.is_positive())
    };
    let named: Vec<_> = lines
        .iter()
        .flat_map(|line| &line.pays)
        .map(|paid| paid.invoice)
        .filter(|invoice| !is_paid_by_it(*invoice))
        .collect();
    let named = if named.is_empty() {
        Vec::new()
    } else {
        invoices::find_many(tx.conn(), &tx.call().tenant, &named).await?
    };
    // One that is open had nothing of it: the money came to its end before.
    let paid = named.into_iter().filter(|invoice| invoice.state == InvoiceState::Paid);
    let mut numbers: Vec<_> = paid.filter_map(|invoice| Some(invoice.issue?.number)).collect();
    // A story told twice gives the same mail.
    numbers.sort_unstable();
    Ok(numbers)
}

async fn issue_payment_receipt(
    tx: &mut WriteTx,
    seller: &Tenant,
    buyer: &Customer,
    payment: &Payment,
    paid: &[Paid],
) -> Result<Receipt, AppError> {
    let tenant = tx.call().tenant.clone();
    let (now, today) = (tx.now(), tx.today());
    let amount =
        paid.iter().try_fold(Money::zero(payment.currency), |sum, paid| sum.plus(paid.paid))?;
    let invoices = paid.iter().map(|paid| (paid.number.clone(), paid.paid)).collect();
    let subject = Subject::Payment {
        payment: payment.id,
        paid_on: payment.effective_on.unwrap_or(today),
        invoices,
    };
    let mut series = series::lock(tx.conn(), &tenant, RECEIPTS).await?;
    let receipt =
        Receipt::of_payment(tx.id(), (seller, buyer), (subject, amount), (&mut series, today), now);
    series::save(tx.conn(), &tenant, &series).await?;
    receipts::insert(tx.conn(), &tenant, &receipt).await?;
    let event =
        ReceiptIssued { receipt: Some(messages::receipts::receipt(&tenant, &receipt, &[])) };
    tx.emit("receipt", &receipt.id.to_string(), &event).await?;
    Ok(receipt)
}
