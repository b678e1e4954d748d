//! The payment that a matched line makes, and how it is taken back.

use super::{BankLine, TakenBack};
use crate::{
    chargeback::Taken,
    invoice::{Invoice, InvoiceState},
    payment::{Allocation, Payment, PaymentState, Source, Tender, TenderState},
    tax::TaxAmount,
    top_up::Bought,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{IdSource, Money, Reason, Refusal, money::MoneyError};

/// What a transfer is short of, with its part of each rate, where a credit note takes it off.
pub type Short = Option<(Money, Vec<TaxAmount>)>;

/// The payment of a line is not made yet, or under way.
pub(super) fn pending() -> Refusal {
    Refusal::precondition(
        Reason::PAYMENT_PENDING,
        "The payment of the line is under way. Try again in a moment.",
    )
}

impl TakenBack {
    /// The credit that had come of it.
    ///
    /// # Errors
    /// `CurrencyMismatch`, `Overflow`.
    pub fn credit(&self) -> Result<Money, MoneyError> {
        match self.bought {
            Some(bought) => self.surplus.plus(bought.amount.minus(bought.tax)?),
            None => Ok(self.surplus),
        }
    }
}

impl BankLine {
    /// The payment that it makes: as much as the invoices can take pays them, first what is stated
    /// for each, then the oldest due; the rest becomes credit. What has arrived is never refused.
    /// Answers what is credit-noted too: what a top-up's transfer is short of by no more than the
    /// tolerance.
    ///
    /// # Errors
    /// None that a matched line can cause.
    pub fn pay(
        &mut self,
        ids: &mut IdSource,
        invoices: &mut [Invoice],
        tolerance: Money,
        now: DateTime<Utc>,
    ) -> Result<(Payment, Short), Refusal> {
        let customer = self.customer.ok_or_else(Refusal::not_found)?;
        let (amount, zero) = (self.shown.amount, Money::zero(self.shown.amount.currency()));
        let (mut left, mut bought, mut short) = (amount, None, None);
        let mut allocations: Vec<Allocation> = Vec::new();
        for paid in &self.pays {
            let Some(invoice) = invoices.iter_mut().find(|invoice| invoice.id == paid.invoice)
            else {
                continue;
            };
            let takes = matches!(invoice.state, InvoiceState::Open | InvoiceState::Uncollectible);
            let most = if takes { invoice.collectable()? } else { zero };
            let part = paid.stated.unwrap_or(most).min(most)?.min(left)?;
            if part.is_positive() {
                left = left.minus(part)?;
                bought = invoice.buys(part)?.or(bought);
                let reversed = invoice.reserve(part, now)?;
                allocations.push(Allocation::of(invoice.id, part, reversed));
                short = invoice.forgive(tolerance, now)?.or(short);
            }
        }
        let source = Source::Transfer(self.id.uuid());
        let id = ids.make();
        self.payment = Some(id);
        let payment = Payment {
            id,
            customer,
            state: PaymentState::Processing,
            currency: amount.currency(),
            taxed: false,
            automatic: false,
            allocations,
            tenders: vec![Tender {
                source,
                amount,
                state: TenderState::Processing,
                refunded: zero,
                charged_back: zero,
            }],
            surplus: left,
            deferred: Vec::new(),
            bought,
            reference: String::new(),
            bank_details: String::new(),
            owner: String::new(),
            marks: payterms_kernel::Marks::default(),
            effective_on: Some(self.shown.effective_on()),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        Ok((payment, short))
    }
}

impl Payment {
    /// Takes back what a line has paid: the last allocation is lowered first, and its invoice is
    /// open by as much again. The invoice of a top-up is no debt: what it had sold is taken off by
    /// a credit note. Answers what had become credit, what had bought credit, and the note's part
    /// of each rate.
    ///
    /// # Errors
    /// `PAYMENT_PENDING`, `PAYMENT_REFUNDED`.
    pub(super) fn take_line_back(
        &mut self,
        line: &BankLine,
        invoices: &mut [Invoice],
        collect_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(Money, Option<Bought>, Short), Refusal> {
        if self.state == PaymentState::Processing {
            return Err(pending());
        }
        let source = Source::Transfer(line.id.uuid());
        let found = self
            .tenders
            .iter()
            .position(|tender| tender.source == source)
            .ok_or_else(Refusal::not_found)?;
        if self.allocations.iter().any(|allocation| allocation.refunded.is_positive()) {
            let message = "A part of the payment was given back. What the line paid cannot be taken back whole any more.";
            return Err(Refusal::precondition(Reason::PAYMENT_REFUNDED, message));
        }
        let surplus = self.surplus.min(line.shown.amount)?;
        let from_invoices = line.shown.amount.minus(surplus)?;
        self.charged_back(
            Taken { place: found, from_invoices, from_surplus: surplus },
            invoices,
            collect_at,
            now,
        )?;
        // Nothing of it is bought any more.
        let Some(bought) = self.bought.take() else { return Ok((surplus, None, None)) };
        let order = invoices
            .iter_mut()
            .find(|invoice| invoice.top_up.is_some())
            .ok_or_else(Refusal::not_found)?;
        let taxes = order.credit(bought.amount, now)?.0;
        // What the note gives back is what the books give back, to the minor unit.
        let tax = taxes
            .iter()
            .try_fold(Money::zero(self.currency), |sum, tax_amount| sum.plus(tax_amount.tax))?;
        Ok((surplus, Some(Bought { tax, ..bought }), Some((bought.amount, taxes))))
    }
}
