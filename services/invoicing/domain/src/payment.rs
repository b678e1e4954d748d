//! Payments: one intent that reserves on its invoices, several tenders that pay it
//! (docs/domain/invoicing.md#payments).

use crate::{
    collection::collects,
    customer::Customer,
    deferral::{Deferred, must_cover, split},
    invoice::{Invoice, InvoiceState},
    tender::tenders,
    top_up::Bought,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Currency, Id, IdSource, Marks, Money, Refusal, money::MoneyError};

pub use crate::tender::{Source, Tender, TenderState};

/// Where a payment is in its lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentState {
    /// Its steps are being taken, or a tender takes its time.
    Processing,
    /// All of it is paid.
    Succeeded,
    /// A later card declined after an earlier one had paid.
    Partial,
    /// Nothing is paid; all is released.
    Failed,
    /// Its transfer is not awaited any more.
    Cancelled,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    PaymentState { Processing = "PROCESSING", Succeeded = "SUCCEEDED", Partial = "PARTIAL", Failed = "FAILED", Cancelled = "CANCELLED" }
}

/// What a payment pays of one invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// The invoice.
    pub invoice: Id<Invoice>,
    /// What is reserved on it; nothing for a transfer that was announced again, until it comes.
    pub amount: Money,
    /// How much of a write-off the reservation reversed.
    pub reversed: Money,
    /// What was paid in the end, and not given back.
    pub paid: Money,
    /// What was given back of it.
    pub refunded: Money,
    /// What a credit line covers of it: that stays open, deferred.
    pub deferred: Money,
    /// Whether it paid a deferred invoice: what is given back of that becomes credit.
    pub repays_line: bool,
}

impl Allocation {
    /// What is reserved on an invoice, and nothing paid yet.
    pub(crate) fn of(invoice: Id<Invoice>, amount: Money, reversed: Money) -> Self {
        let zero = Money::zero(amount.currency());
        Self {
            invoice,
            amount,
            reversed,
            paid: zero,
            refunded: zero,
            deferred: zero,
            repays_line: false,
        }
    }
}

/// One intent to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its id.
    pub id: Id<Payment>,
    /// Who pays.
    pub customer: Id<Customer>,
    /// Where it is.
    pub state: PaymentState,
    /// Currency of every amount.
    pub currency: Currency,
    /// Whether an invoice has tax: credit that was taxed when bought does not pay it.
    pub taxed: bool,
    /// Whether it collects an invoice by itself.
    pub automatic: bool,
    /// What it pays, in the order in which money goes to them.
    pub allocations: Vec<Allocation>,
    /// What it pays with, in the order in which they are taken.
    pub tenders: Vec<Tender>,
    /// What captured draws make of the invoices; known while it is being closed.
    pub deferred: Vec<Deferred>,
    /// What is charged beyond the invoices and becomes credit.
    pub surplus: Money,
    /// What a transfer buys, where its invoice sells credit.
    pub bought: Option<Bought>,
    /// The reference of an announced transfer, what was said of a payment outside, or its owner's
    /// word for the try; empty otherwise.
    pub reference: String,
    /// Where an announced transfer goes, as it was when it was announced; empty otherwise.
    pub bank_details: String,
    /// Name of the plan that collects by it; empty otherwise.
    pub owner: String,
    /// The day on which it counts as made; of a bank line from the start, else from its success on.
    pub effective_on: Option<NaiveDate>,
    /// The tenant's own id of it, and labels.
    pub marks: Marks,
    /// Counts its changes.
    pub version: i64,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

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
    must_cover(&tenders, &instructed, invoices, (wanted, asked.deferred_on))?;
    let paying = tenders.iter().try_fold(zero, |sum, tender| sum.plus(tender.amount))?;
    if asked.invoices.iter().any(|(_, amount)| amount.is_some()) && paying.compare(wanted)?.is_lt()
    {
        let message =
            format!("The tenders come to {paying}, the invoices to {wanted}. Let both agree.");
        return Err(Refusal::precondition("TENDERS_MISMATCH", message)
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
        return Err(Refusal::precondition("OVERPAYMENT_NOT_ALLOWED", message)
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
        "NOTHING_PAYABLE",
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
                    "PAYMENT_PENDING",
                    format!(
                        "A payment under way has reserved {}; {payable} can be paid now.",
                        invoice.pending
                    ),
                )
            } else {
                (
                    "ALLOCATION_TOO_LARGE",
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

impl Payment {
    /// What the wallet's credit is to pay.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn credit(&self) -> Result<Option<Money>, MoneyError> {
        let credit = self.tenders.iter().filter(|tender| tender.source == Source::Credit);
        let sum =
            credit.map(|tender| tender.amount).try_fold(Money::zero(self.currency), Money::plus)?;
        Ok(sum.is_positive().then_some(sum))
    }

    /// What the cards that paid took beyond what is reserved on the invoices.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn charged_beyond(&self) -> Result<Option<Money>, MoneyError> {
        let zero = Money::zero(self.currency);
        let mut taken = self.tenders.iter().filter(|tender| tender.pays());
        let paid = taken.try_fold(zero, |sum, tender| sum.plus(tender.amount))?;
        let beyond = paid.minus(
            self.allocations
                .iter()
                .try_fold(zero, |sum, allocation| sum.plus(allocation.amount))?,
        )?;
        Ok(beyond.is_positive().then_some(beyond))
    }

    /// Closes the payment after its tenders have ended: what succeeded pays the invoices in order,
    /// and what is reserved beyond it is free again.
    ///
    /// # Errors
    /// None that a planned payment can cause.
    pub fn close(&mut self, invoices: &mut [Invoice], now: DateTime<Utc>) -> Result<(), Refusal> {
        let zero = Money::zero(self.currency);
        let mut taken = self.tenders.iter().filter(|tender| tender.pays());
        let paid = taken.try_fold(zero, |sum, tender| sum.plus(tender.amount))?;
        let covered = self.line_covers();
        for allocation in self.allocations.iter_mut().filter(|_| !covered) {
            allocation.deferred = zero;
        }
        let reserved = self
            .allocations
            .iter()
            .try_fold(zero, |sum, allocation| sum.plus(allocation.to_pay()?))?;
        let all = self.tenders.iter().all(|tender| tender.state == TenderState::Succeeded)
            && paid.compare(reserved)?.is_ge();
        let effective_on = self.effective_on.unwrap_or_else(|| now.date_naive());
        let mut left = paid;
        for allocation in &mut self.allocations {
            let Some(invoice) =
                invoices.iter_mut().find(|invoice| invoice.id == allocation.invoice)
            else {
                continue;
            };
            allocation.paid = allocation.to_pay()?.min(left)?;
            allocation.repays_line = invoice.deferral.is_some();
            left = left.minus(allocation.paid)?;
            invoice.take_payment(allocation, effective_on, now)?;
        }
        self.surplus = left;
        self.defer(invoices, now);
        self.state = match (all, paid.is_zero() && !covered) {
            (_, true) => PaymentState::Failed,
            (true, false) => PaymentState::Succeeded,
            (false, false) => PaymentState::Partial,
        };
        self.effective_on = (self.state != PaymentState::Failed).then_some(effective_on);
        self.touch(now);
        if let Some(invoice) =
            collects(self).and_then(|id| invoices.iter_mut().find(|invoice| invoice.id == id))
        {
            invoice.collection_ended(self, now);
        }
        Ok(())
    }

    /// Notes a change.
    pub fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}

impl Invoice {
    /// What a payment may reserve: what is open or written off, and not pending.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn collectable(&self) -> Result<Money, MoneyError> {
        self.payable()?.plus(self.written_off)
    }

    /// Reserves an amount for a payment; a write-off is reversed by as much as is needed.
    pub(crate) fn reserve(&mut self, amount: Money, now: DateTime<Utc>) -> Result<Money, Refusal> {
        let short = amount.minus(self.payable()?.min(amount)?)?;
        self.written_off = self.written_off.minus(short)?;
        self.pending = self.pending.plus(amount)?;
        self.settle_state()?;
        self.touch(now);
        Ok(short)
    }

    /// Ends a reservation: what was paid is paid, what was not is open or written off again.
    pub(crate) fn take_payment(
        &mut self,
        allocation: &Allocation,
        effective_on: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let free = allocation.amount.minus(allocation.paid)?;
        self.pending = self.pending.minus(allocation.amount)?;
        self.paid = self.paid.plus(allocation.paid)?;
        self.date_paid(effective_on, allocation.paid)?;
        self.written_off = self.written_off.plus(allocation.reversed.min(free)?)?;
        self.settle_state()?;
        if free.is_positive() {
            self.collect_what_waited(now);
        }
        self.touch(now);
        Ok(())
    }
}

#[cfg(test)]
#[path = "payment_tests.rs"]
pub(crate) mod tests;
