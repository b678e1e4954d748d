//! What becomes of an issued invoice that is not paid: void, credit notes, write-off
//! (docs/domain/invoicing.md#invoice-states, docs/domain/invoicing.md#refund).

use crate::{
    invoice::{Invoice, InvoiceState},
    tax::{self, TaxAmount},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Money, Reason, Refusal, money::MoneyError};

impl Invoice {
    /// Takes an open invoice back whole.
    ///
    /// # Errors
    /// `INVOICE_STATE` where something is paid or credited, `INVOICE_BLOCKED`, `PAYMENT_PENDING`.
    pub fn void(&mut self, now: DateTime<Utc>) -> Result<Vec<TaxAmount>, Refusal> {
        self.must_be(&[InvoiceState::Open])?;
        self.must_not_be_blocked()?;
        if !self.paid.is_zero() || !self.credited.is_zero() {
            let message =
                "A part of the invoice is paid or credited. Take the rest off by a credit note.";
            return Err(Refusal::precondition(Reason::INVOICE_STATE, message)
                .with("state", self.state.name()));
        }
        Ok(self.credit(self.amounts.total, now)?.0)
    }

    /// Takes an amount off what is open, and the rest off what is paid; answers the part of each
    /// rate, and what is to be given back.
    ///
    /// # Errors
    /// `INVOICE_STATE`, `CURRENCY_MISMATCH`, `CREDIT_NOTE_TOO_LARGE` above what is open and paid,
    /// `PAYMENT_PENDING` where a payment has reserved it.
    pub fn credit(
        &mut self,
        amount: Money,
        now: DateTime<Utc>,
    ) -> Result<(Vec<TaxAmount>, Money), Refusal> {
        self.must_be(&[InvoiceState::Open, InvoiceState::Paid])?;
        let (open, most) = (self.open()?, self.most_credit()?);
        if amount.compare(most)?.is_gt() {
            let message =
                format!("Only {most} of the invoice is open or paid. Take off at most that.");
            return Err(Refusal::precondition(Reason::CREDIT_NOTE_TOO_LARGE, message)
                .with("most", most.amount()));
        }
        if self.pending.is_positive() {
            self.must_leave_pending(amount)?;
        }
        let back = amount.minus(open.min(amount)?)?;
        let parts = tax::credit(&mut self.amounts.taxes, amount)?;
        self.credited = self.credited.plus(amount)?;
        self.paid = self.paid.minus(back)?;
        self.settle_state()?;
        self.touch(now);
        Ok((parts, back))
    }

    /// The most that credit notes can take off it: what is open or paid.
    pub(crate) fn most_credit(&self) -> Result<Money, MoneyError> {
        // What came for a top-up is credit already.
        let kept = if self.top_up.is_some() { Money::zero(self.currency) } else { self.paid };
        self.open()?.plus(kept)
    }

    /// Gives up what is open.
    ///
    /// # Errors
    /// `INVOICE_STATE`, `TOP_UP_INVOICE`, `PAYMENT_PENDING`.
    pub fn write_off(&mut self, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.must_be(&[InvoiceState::Open])?;
        self.must_ask_for_a_debt()?;
        let open = self.open()?;
        self.must_leave_pending(open)?;
        self.written_off = self.written_off.plus(open)?;
        self.settle_state()?;
        self.touch(now);
        Ok(())
    }

    fn must_leave_pending(&self, taken: Money) -> Result<(), Refusal> {
        if self.payable()?.compare(taken)?.is_lt() {
            let message = format!(
                "A payment under way has reserved {} of the invoice. Wait for its end.",
                self.pending
            );
            return Err(Refusal::precondition(Reason::PAYMENT_PENDING, message)
                .with("pending", self.pending.amount()));
        }
        Ok(())
    }
}
