//! Refunds: what payments had paid of an invoice is given back, in the reverse order of payments
//! and tenders, at most what each paid (docs/domain/invoicing.md#refund-order).

use crate::{
    collection::CollectionState,
    credit_note::CreditNote,
    customer::Customer,
    invoice::{Invoice, InvoiceState},
    payment::{Payment, Source},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Currency, Id, IdSource, Money, Reason, Refusal, money::MoneyError};

/// Where the money of a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// It is under way.
    Processing,
    /// The card that paid has it back.
    Card,
    /// It is the customer's credit.
    Credit,
    /// It was paid elsewhere, and is given back there.
    Outside,
}

payterms_kernel::names! {
    /// The name in columns.
    Destination { Processing = "PROCESSING", Card = "CARD", Credit = "CREDIT", Outside = "OUTSIDE" }
}

/// What one tender of one payment had paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundPart {
    /// The payment.
    pub payment: Id<Payment>,
    /// The tender's place in the payment.
    pub place: usize,
    /// Whether credit had paid it.
    pub from_credit: bool,
    /// Whether it becomes credit, whatever had paid it: money that repaid a credit line never
    /// becomes cash.
    pub to_credit: bool,
    /// How much.
    pub amount: Money,
    /// Where it is.
    pub destination: Destination,
}

impl RefundPart {
    /// Notes where the money is: at a destination, but for what the issuer of the card had taken
    /// back before. That the payer has already; it is a part of its own.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn arrived(
        &mut self,
        destination: Destination,
        taken_back: Money,
    ) -> Result<Option<Self>, MoneyError> {
        if taken_back.compare(self.amount)?.is_ge() {
            self.destination = Destination::Card;
            return Ok(None);
        }
        self.destination = destination;
        self.amount = self.amount.minus(taken_back)?;
        Ok(taken_back.is_positive().then(|| Self {
            amount: taken_back,
            destination: Destination::Card,
            ..self.clone()
        }))
    }
}

/// What is given back of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Its id.
    pub id: Id<Refund>,
    /// The invoice.
    pub invoice: Id<Invoice>,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The credit note that it belongs to; none where a payment was unapplied: then all becomes
    /// credit.
    pub credit_note: Option<Id<CreditNote>>,
    /// Whether all of it is where it belongs.
    pub ended: bool,
    /// How much.
    pub amount: Money,
    /// Its parts.
    pub parts: Vec<RefundPart>,
    /// Counts its changes.
    pub version: i64,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Which ways a refund takes; a card that does not accept it makes credit of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ways {
    /// To what was charged.
    pub to_method: Money,
    /// To credit.
    pub to_credit: Money,
    /// As it was paid, outside of the suite.
    pub outside: Money,
}

impl Refund {
    /// Which ways its parts take.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn ways(&self) -> Result<Ways, MoneyError> {
        let zero = Money::zero(self.currency());
        let mut ways = Ways { to_method: zero, to_credit: zero, outside: zero };
        for part in &self.parts {
            let becomes_credit = self.credit_note.is_none()
                || part.from_credit
                || part.to_credit
                || part.destination == Destination::Credit;
            let way = match part.destination {
                Destination::Outside => &mut ways.outside,
                _ if becomes_credit => &mut ways.to_credit,
                _ => &mut ways.to_method,
            };
            *way = way.plus(part.amount)?;
        }
        Ok(ways)
    }

    /// Takes an amount back from the payments of an invoice, the newest first. What is paid of the
    /// invoice has been lowered already; here it is taken off the days of those payments.
    ///
    /// # Errors
    /// `REFUND_TOO_LARGE` beyond what they have paid of it.
    pub fn of(
        ids: &mut IdSource,
        invoice: &mut Invoice,
        payments: &mut [Payment],
        amount: Money,
        credit_note: Option<Id<CreditNote>>,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        let (mut left, mut parts) = (amount, Vec::new());
        for payment in payments.iter_mut() {
            let before = left;
            left = payment.give_back(invoice.id, left, &mut parts)?;
            if left != before {
                invoice.undate_paid(payment.effective_day(), before.minus(left)?)?;
                payment.touch(now);
            }
        }
        if !left.is_zero() {
            return Err(too_large(amount.minus(left)?));
        }
        let customer = invoice.customer;
        Ok(Self {
            id: ids.make(),
            invoice: invoice.id,
            customer,
            credit_note,
            ended: false,
            amount,
            parts,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    /// What a payment that stands again had paid of an invoice that was paid otherwise meanwhile:
    /// it becomes credit.
    pub(crate) fn beyond(
        ids: &mut IdSource,
        invoice: &Invoice,
        payment: Id<Payment>,
        place: usize,
        amount: Money,
        now: DateTime<Utc>,
    ) -> Self {
        let destination = Destination::Processing;
        Self {
            id: ids.make(),
            invoice: invoice.id,
            customer: invoice.customer,
            credit_note: None,
            ended: false,
            amount,
            parts: vec![RefundPart {
                payment,
                place,
                from_credit: false,
                to_credit: true,
                amount,
                destination,
            }],
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// The currency of all amounts.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.amount.currency()
    }

    /// Notes that all of it is where it belongs.
    pub fn end(&mut self, now: DateTime<Utc>) {
        self.ended = true;
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}

fn too_large(most: Money) -> Refusal {
    let message = format!("Payments have paid {most} of the invoice. Give back at most that.");
    Refusal::precondition(Reason::REFUND_TOO_LARGE, message).with("most", most.amount())
}

impl Payment {
    /// What it has paid of an invoice.
    #[must_use]
    pub fn paid_of(&self, invoice: Id<Invoice>) -> Money {
        let allocation = self.allocations.iter().find(|allocation| allocation.invoice == invoice);
        allocation.map_or_else(|| Money::zero(self.currency), |allocation| allocation.paid)
    }

    /// Gives back at most `left` of what it paid of an invoice, its last tender first; answers what
    /// it could not.
    fn give_back(
        &mut self,
        invoice: Id<Invoice>,
        mut left: Money,
        parts: &mut Vec<RefundPart>,
    ) -> Result<Money, MoneyError> {
        let Some(allocation) =
            self.allocations.iter_mut().find(|allocation| allocation.invoice == invoice)
        else {
            return Ok(left);
        };
        for (place, tender) in
            self.tenders.iter_mut().enumerate().rev().filter(|(_, tender)| tender.pays())
        {
            let amount = tender
                .amount
                .minus(tender.refunded)?
                .minus(tender.charged_back)?
                .min(allocation.paid)?
                .min(left)?;
            if !amount.is_positive() {
                continue;
            }
            tender.refunded = tender.refunded.plus(amount)?;
            allocation.refunded = allocation.refunded.plus(amount)?;
            allocation.paid = allocation.paid.minus(amount)?;
            left = left.minus(amount)?;
            // What arrived by transfer becomes credit too: the wallet knows it by its payment.
            let from_credit = matches!(tender.source, Source::Credit | Source::Transfer(_));
            let destination = if tender.source == Source::Outside {
                Destination::Outside
            } else {
                Destination::Processing
            };
            let to_credit = allocation.repays_line;
            parts.push(RefundPart {
                payment: self.id,
                place,
                from_credit,
                to_credit,
                amount,
                destination,
            });
        }
        Ok(left)
    }
}

impl Invoice {
    /// Takes what was paid off again: as much is open; automatic collection begins anew at that
    /// instant.
    ///
    /// # Errors
    /// `INVOICE_STATE`, `TOP_UP_INVOICE`, `REFUND_TOO_LARGE`.
    pub fn reopen(
        &mut self,
        amount: Money,
        collect_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.must_be(&[InvoiceState::Open, InvoiceState::Paid])?;
        self.must_ask_for_a_debt()?;
        if !amount.is_positive() || self.paid.compare(amount)?.is_lt() {
            return Err(too_large(self.paid));
        }
        self.payment_gone(amount, collect_at, now)
    }

    /// What was paid is not any more, whatever state the invoice is in.
    pub(crate) fn payment_gone(
        &mut self,
        amount: Money,
        collect_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.paid = self.paid.minus(amount)?;
        self.settle_state()?;
        if self.state == InvoiceState::Open && self.collection.state == CollectionState::Off {
            self.schedule_collection(collect_at);
        }
        self.touch(now);
        Ok(())
    }
}
