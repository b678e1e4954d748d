//! Payments whose money moves elsewhere: a bank transfer that is announced and waits for its line,
//! and what staff say was paid outside (docs/domain/invoicing.md#slow-tenders).

use crate::{
    bank::{BankLine, announced_number, creditor_reference},
    invoice::Invoice,
    payment::{Payment, PaymentRequest, PaymentState, Source, Tender, TenderState, ask},
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Id, IdSource, Money, Reason, Refusal, money::MoneyError};

/// Days that an announced transfer is waited for.
pub const DAYS: i64 = 30;

/// What was announced for an invoice before (docs/domain/invoicing.md#announced-again).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Announcements {
    /// Nothing that came to nothing: what is announced is reserved.
    #[default]
    Believed,
    /// One came to nothing: another reserves nothing.
    InVain,
    /// Another waits, which reserves nothing.
    Again,
}

payterms_kernel::names! {
    /// The word of the store.
    Announcements { Believed = "", InVain = "IN_VAIN", Again = "AGAIN" }
}

/// What is paid of invoices; of one without an amount, what is payable.
type ByInvoice = Vec<(Id<Invoice>, Option<Money>)>;

impl Payment {
    /// Whether it waits for a transfer.
    #[must_use]
    pub fn is_announced(&self) -> bool {
        let waits = |tender: &Tender| {
            tender.source == Source::Announced && tender.state == TenderState::Processing
        };
        self.state == PaymentState::Processing && self.tenders.iter().any(waits)
    }

    /// Says where the transfer goes and what the payer is asked to write: the reference of its
    /// invoice, or one of its own that names all of them
    /// (docs/domain/invoicing.md#payment-reference).
    pub fn announce(&mut self, invoices: &[Invoice], bank_details: String) {
        let number = match self.allocations.as_slice() {
            [allocation] => invoices
                .iter()
                .find(|invoice| invoice.id == allocation.invoice)
                .and_then(|invoice| Some(invoice.issue.as_ref()?.number.clone())),
            _ => Some(announced_number(self.id.uuid())),
        };
        self.reference = number.map(|number| creditor_reference(&number)).unwrap_or_default();
        self.bank_details = bank_details;
    }

    /// The transfer that it waited for is there, be it less or more than was announced.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn arrived(
        &mut self,
        line: &mut BankLine,
        invoices: &mut [Invoice],
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        line.payment = Some(self.id);
        self.effective_on = Some(line.shown.effective_on());
        let mut most = line.shown.amount;
        for tender in self.tenders.iter_mut().filter(|tender| tender.source == Source::Announced) {
            if tender.amount.compare(most)?.is_gt() {
                most = tender.amount;
            }
            tender.source = Source::Transfer(line.id.uuid());
            tender.amount = line.shown.amount;
        }
        self.reserve_at_last(invoices, most, now)?;
        self.touch(now);
        Ok(())
    }

    /// What was announced again has reserved nothing so far: it takes what is left to pay by now,
    /// at most what was announced or came.
    fn reserve_at_last(
        &mut self,
        invoices: &mut [Invoice],
        most: Money,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let reserved = self
            .allocations
            .iter()
            .try_fold(Money::zero(self.currency), |sum, allocation| sum.plus(allocation.amount))?;
        let mut left = most.minus(reserved.min(most)?)?;
        for allocation in
            self.allocations.iter_mut().filter(|allocation| allocation.amount.is_zero())
        {
            let Some(invoice) =
                invoices.iter_mut().find(|invoice| invoice.id == allocation.invoice)
            else {
                continue;
            };
            invoice.announcements = Announcements::InVain;
            let part = invoice.collectable()?.min(left)?;
            if part.is_positive() {
                allocation.reversed = invoice.reserve(part, now)?;
                allocation.amount = part;
                left = left.minus(part)?;
            }
        }
        Ok(())
    }

    /// Gives up waiting for a transfer: what it reserved is free again.
    ///
    /// # Errors
    /// `PAYMENT_STATE` for one that waits for none.
    pub fn cancel(&mut self, invoices: &mut [Invoice], now: DateTime<Utc>) -> Result<(), Refusal> {
        if !self.is_announced() {
            let has_paid = matches!(self.state, PaymentState::Succeeded | PaymentState::Partial);
            let allowed: &[&str] = if has_paid { &["UnapplyPayment"] } else { &[] };
            return Err(Refusal::state(
                Reason::PAYMENT_STATE,
                "The payment",
                self.state.name(),
                allowed,
            ));
        }
        for tender in &mut self.tenders {
            tender.state = TenderState::Released;
        }
        self.close(invoices, now)?;
        self.state = PaymentState::Cancelled;
        for invoice in invoices.iter_mut().filter(|invoice| {
            self.allocations.iter().any(|allocation| allocation.invoice == invoice.id)
        }) {
            invoice.announcements = Announcements::InVain;
        }
        Ok(())
    }

    /// Records what was paid elsewhere: it pays the invoices at once, and no service of ours moves
    /// money.
    ///
    /// # Errors
    /// Those of [`ask`]; `OVERPAYMENT_NOT_ALLOWED` beyond what is payable.
    pub fn outside(
        ids: &mut IdSource,
        invoices: &mut [Invoice],
        asked: ByInvoice,
        amount: Option<Money>,
        reference: String,
        received_on: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        let customer =
            invoices.first().map(|invoice| invoice.customer).ok_or_else(Refusal::not_found)?;
        let asked = PaymentRequest {
            invoices: asked,
            tenders: vec![(Source::Outside, amount)],
            surplus_allowed: false,
            deferred_on: None,
        };
        let mut payment = ask(ids, customer, invoices, &asked, now)?;
        payment.reference = reference;
        for tender in &mut payment.tenders {
            tender.state = TenderState::Succeeded;
        }
        payment.took_effect(received_on);
        payment.close(invoices, now)?;
        Ok(payment)
    }
}

impl Invoice {
    /// Reserves for a payment, and says what it reserved and how much of a write-off that reversed:
    /// nothing for a transfer that is announced after one that came to nothing, which therefore
    /// puts nothing off.
    pub(crate) fn reserve_for(
        &mut self,
        tenders: &[Tender],
        amount: Money,
        now: DateTime<Utc>,
    ) -> Result<(Money, Money), Refusal> {
        let announced = tenders.iter().any(|tender| tender.source == Source::Announced);
        if announced && self.announcements != Announcements::Believed {
            self.announcements = Announcements::Again;
            self.touch(now);
            let zero = Money::zero(self.currency);
            return Ok((zero, zero));
        }
        Ok((amount, self.reserve(amount, now)?))
    }

    /// Whether a transfer waits that is not needed any more: announced again, it reserves nothing,
    /// and the invoice has been paid or taken back meanwhile.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn needs_no_transfer(&self) -> Result<bool, MoneyError> {
        Ok(self.announcements == Announcements::Again && !self.open()?.is_positive())
    }

    /// One transfer at a time may be announced that reserves nothing: what it announces would else
    /// have no end.
    pub(crate) fn must_not_wait_for_another(&self, source: Source) -> Result<(), Refusal> {
        if source != Source::Announced || self.announcements != Announcements::Again {
            return Ok(());
        }
        let message =
            "A transfer is announced for the invoice already. Cancel that payment, or let it come.";
        Err(Refusal::precondition(Reason::PAYMENT_PENDING, message).with("invoice", self.id))
    }
}

#[cfg(test)]
#[path = "announced_tests.rs"]
mod tests;
