//! Payments: one intent that reserves on its invoices, several tenders that pay it
//! (docs/domain/invoicing.md#payments).

use crate::{
    collection::collects, customer::Customer, deferral::Deferred, invoice::Invoice, top_up::Bought,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Currency, Id, Marks, Money, Refusal, money::MoneyError};

pub use crate::{
    payment_request::{PaymentRequest, ask, wanted},
    tender::{Source, Tender, TenderState},
};

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
