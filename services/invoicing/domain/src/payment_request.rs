//! What a payment is asked for: which invoices, how much of each, with which tenders; and how that
//! becomes a payment (docs/domain/invoicing.md#payments).

use crate::{
    customer::Customer,
    deferral::{must_cover, split},
    invoice::{Invoice, InvoiceState},
    payment::{Allocation, Payment, PaymentState},
    tender::{Source, tenders},
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Currency, Id, IdSource, Marks, Money, Reason, Refusal, money::MoneyError};

/// What is asked: invoices (none: all that are open) with the amount for each (none: what is
/// payable), tenders with the amount from each (none, for one of them: the rest).
#[derive(Debug, Clone)]
pub struct PaymentRequest {
    /// The invoices.
    pub invoices: Vec<(Id<Invoice>, Option<Money>)>,
    /// The tenders.
    pub tenders: Vec<(Source, Option<Money>)>,
    /// Whether more than is payable may become credit.
    pub surplus_allowed: bool,
    /// The day of the purchase, where a credit line is to cover it.
    pub deferred_on: Option<NaiveDate>,
}

/// Plans a payment over locked invoices and reserves on them.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `TOP_UP_INVOICE`, `TRANSFER_ONLY`, `INVOICE_STATE`, `CURRENCY_MISMATCH`,
/// `NOTHING_PAYABLE`, `PAYMENT_PENDING`, `ALLOCATION_TOO_LARGE`, `TENDERS_MISMATCH`,
/// `OVERPAYMENT_NOT_ALLOWED`; `INVOICE_PAST_DUE`, `INVOICE_BLOCKED`, `INVOICE_DEFERRED` for what a
/// credit line is to pay.
pub fn ask(
    ids: &mut IdSource,
    customer: Id<Customer>,
    invoices: &mut [Invoice],
    asked: &PaymentRequest,
    now: DateTime<Utc>,
) -> Result<Payment, Refusal> {
    let currency = one_currency(invoices)?;
    let zero = Money::zero(currency);
    let instructed = instructed(invoices, asked)?;
    let wanted = instructed.iter().try_fold(zero, |sum, (_, amount)| sum.plus(*amount))?;
    let tenders = tenders(&asked.tenders, wanted)?;
    must_cover(&tenders, &instructed, invoices, wanted, asked.deferred_on)?;
    let paying = tenders.iter().try_fold(zero, |sum, tender| sum.plus(tender.amount))?;
    if asked.invoices.iter().any(|(_, amount)| amount.is_some()) && paying.compare(wanted)?.is_lt()
    {
        let message =
            format!("The tenders come to {paying}, the invoices to {wanted}. Let both agree.");
        return Err(Refusal::precondition(Reason::TENDERS_MISMATCH, message)
            .with("tenders", paying.amount())
            .with("invoices", wanted.amount()));
    }
    let surplus = paying.minus(wanted.min(paying)?)?;
    let by_card = tenders
        .iter()
        .filter(|tender| tender.source != Source::Credit)
        .try_fold(zero, |sum, tender| sum.plus(tender.amount))?;
    if surplus.is_positive() && (!asked.surplus_allowed || by_card.compare(surplus)?.is_lt()) {
        let message =
            format!("Only {wanted} can be paid now; {paying} were offered. Offer at most that.");
        return Err(Refusal::precondition(Reason::OVERPAYMENT_NOT_ALLOWED, message)
            .with("payable", wanted.amount()));
    }
    let mut left = paying.minus(surplus)?;
    let by_line = tenders
        .iter()
        .filter(|tender| matches!(tender.source, Source::Line(_)))
        .try_fold(zero, |sum, tender| sum.plus(tender.amount))?;
    let mut to_pay = left.minus(by_line)?;
    let mut allocations = Vec::new();
    for (id, amount) in instructed {
        let part = amount.min(left)?;
        let Some(invoice) =
            invoices.iter_mut().find(|invoice| invoice.id == id).filter(|_| part.is_positive())
        else {
            continue;
        };
        let (reserved, reversed) = invoice.reserve_for(&tenders, part, now)?;
        left = left.minus(part)?;
        let deferred = split(part, to_pay)?;
        to_pay = to_pay.minus(part.minus(deferred)?)?;
        allocations.push(Allocation { deferred, ..Allocation::of(id, reserved, reversed) });
    }
    let covered =
        |invoice: &Invoice| allocations.iter().any(|allocation| allocation.invoice == invoice.id);
    let taxed = invoices
        .iter()
        .filter(|invoice| covered(invoice))
        .any(|invoice| invoice.amounts.taxes.iter().any(|tax| !tax.tax.is_zero()));
    Ok(Payment {
        id: ids.make(),
        customer,
        state: PaymentState::Processing,
        currency,
        taxed,
        automatic: false,
        allocations,
        tenders,
        deferred: Vec::new(),
        surplus,
        bought: None,
        reference: String::new(),
        bank_details: String::new(),
        owner: String::new(),
        marks: Marks::default(),
        effective_on: None,
        version: 1,
        created_at: now,
        updated_at: now,
    })
}

fn one_currency(invoices: &[Invoice]) -> Result<Currency, Refusal> {
    let first = invoices.first().ok_or_else(nothing_payable)?.currency;
    match invoices.iter().find(|invoice| invoice.currency != first) {
        Some(other) => Err(MoneyError::WrongCurrency(other.currency, first).into()),
        None => Ok(first),
    }
}

fn nothing_payable() -> Refusal {
    Refusal::precondition(
        Reason::NOTHING_PAYABLE,
        "Nothing of these invoices can be paid now: they are paid, or a payment is under way.",
    )
}

/// What a payment would pay, and whether an invoice of it is taxed.
///
/// # Errors
/// Those of [`ask`] about the invoices.
pub fn wanted(invoices: &[Invoice], asked: &PaymentRequest) -> Result<(Money, bool), Refusal> {
    let zero = Money::zero(one_currency(invoices)?);
    let parts = instructed(invoices, asked)?;
    let wanted = parts.iter().try_fold(zero, |sum, (_, amount)| sum.plus(*amount))?;
    let paid = invoices.iter().filter(|invoice| parts.iter().any(|(id, _)| *id == invoice.id));
    let taxed = paid.flat_map(|invoice| &invoice.amounts.taxes).any(|tax| !tax.tax.is_zero());
    Ok((wanted, taxed))
}

/// What goes to which invoice: as instructed, each at most what is payable, oldest due first.
fn instructed(
    invoices: &[Invoice],
    asked: &PaymentRequest,
) -> Result<Vec<(Id<Invoice>, Money)>, Refusal> {
    let mut order: Vec<&Invoice> = invoices.iter().collect();
    order.sort_by_key(|invoice| {
        (
            invoice.issue.as_ref().map(|issue| issue.due_date),
            invoice.issue.as_ref().map(|issue| issue.number.clone()),
        )
    });
    let mut parts = Vec::with_capacity(order.len());
    for invoice in order {
        let mut sources = asked.tenders.iter().map(|(source, _)| *source);
        let takes = sources.try_for_each(|source| {
            invoice.must_take(source).and_then(|()| invoice.must_not_wait_for_another(source))
        });
        if asked.invoices.is_empty()
            && (invoice.state != InvoiceState::Open || invoice.top_up.is_some() || takes.is_err())
        {
            continue;
        }
        invoice.must_ask_for_a_debt()?;
        takes?;
        invoice.must_be(&[InvoiceState::Open, InvoiceState::Uncollectible])?;
        let payable = invoice.collectable()?;
        let this_amount =
            asked.invoices.iter().find(|(id, _)| *id == invoice.id).and_then(|(_, amount)| *amount);
        let amount = this_amount.unwrap_or(payable);
        if amount.compare(payable)?.is_gt() {
            let (reason, message) = if invoice.pending.is_positive() {
                (
                    Reason::PAYMENT_PENDING,
                    format!(
                        "A payment under way has reserved {}; {payable} can be paid now.",
                        invoice.pending
                    ),
                )
            } else {
                (
                    Reason::ALLOCATION_TOO_LARGE,
                    format!("Only {payable} of the invoice can be paid. Ask for at most that."),
                )
            };
            return Err(Refusal::precondition(reason, message)
                .with("payable", payable.amount())
                .with("invoice", invoice.id));
        }
        if amount.is_positive() {
            parts.push((invoice.id, amount));
        }
    }
    if parts.is_empty() {
        return Err(nothing_payable());
    }
    Ok(parts)
}
