//! Payments whose money moves elsewhere: a bank transfer that is announced and waits for its line,
//! and what staff say was paid outside (docs/domain/invoicing.md#slow-tenders).

use crate::{
    bank::{BankLine, announced_number, creditor_reference},
    invoice::Invoice,
    payment::{Payment, PaymentRequest, PaymentState, Source, Tender, TenderState, ask},
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Id, IdSource, Money, Refusal, money::MoneyError};

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
            return Err(Refusal::state("PAYMENT_STATE", "The payment", self.state.name(), allowed));
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
        (asked, amount): (ByInvoice, Option<Money>),
        (reference, received_on): (String, NaiveDate),
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
        Err(Refusal::precondition("PAYMENT_PENDING", message).with("invoice", self.id))
    }
}

#[cfg(test)]
mod tests {
    use super::Announcements;
    use crate::{
        BankLine, InvoiceState, Payment, PaymentState, TenderState,
        bank::{Shown, announced_number, numbers_in},
        payment::{
            PaymentRequest, Source, ask,
            tests::{customer, invoices},
        },
    };
    use chrono::{DateTime, Utc};
    use payterms_kernel::{Currency, Id, IdSource, Money};
    use uuid::Uuid;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn usd(cents: i64) -> Money {
        Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
    }

    fn ids() -> IdSource {
        IdSource::new(NOW, b"seed", "test")
    }

    fn line(cents: i64) -> BankLine {
        let shown = Shown::plain("2026-06-02".parse().unwrap(), usd(cents));
        BankLine::new(Id::from_uuid(Uuid::max()), shown, NOW)
    }

    #[test]
    fn an_announced_transfer_pays_what_came_or_is_cancelled() {
        for (came, state, open, surplus) in [
            (10_000, PaymentState::Succeeded, 0, 0),
            (6_000, PaymentState::Partial, 4_000, 0),
            (12_000, PaymentState::Succeeded, 0, 2_000),
        ] {
            let mut these_invoices = invoices(&[10_000]);
            let asked = PaymentRequest {
                invoices: Vec::new(),
                tenders: vec![(Source::Announced, None)],
                surplus_allowed: true,
                deferred_on: None,
            };
            let mut payment =
                ask(&mut ids(), customer().id, &mut these_invoices, &asked, NOW).unwrap();
            assert!(payment.is_announced() && these_invoices[0].payable().unwrap().is_zero());
            payment.arrived(&mut line(came), &mut these_invoices, NOW).unwrap();
            assert!(!payment.is_announced());
            payment.tenders[0].state = TenderState::Succeeded;
            payment.close(&mut these_invoices, NOW).unwrap();
            assert_eq!(
                (payment.state, these_invoices[0].open().unwrap(), payment.surplus),
                (state, usd(open), usd(surplus)),
                "{came}"
            );
        }
        let mut these_invoices = invoices(&[10_000]);
        let asked = PaymentRequest {
            invoices: Vec::new(),
            tenders: vec![(Source::Announced, None)],
            surplus_allowed: true,
            deferred_on: None,
        };
        let mut payment = ask(&mut ids(), customer().id, &mut these_invoices, &asked, NOW).unwrap();
        payment.cancel(&mut these_invoices, NOW).unwrap();
        assert_eq!(
            (payment.state, these_invoices[0].payable().unwrap()),
            (PaymentState::Cancelled, usd(10_000))
        );
        let again = payment.cancel(&mut these_invoices, NOW).unwrap_err();
        assert_eq!(
            (again.reason, again.message.as_str()),
            ("PAYMENT_STATE", "The payment is CANCELLED. Allowed now: nothing more.")
        );
    }

    #[test]
    fn what_is_announced_after_one_that_came_to_nothing_reserves_when_it_comes() {
        let asked = PaymentRequest {
            invoices: Vec::new(),
            tenders: vec![(Source::Announced, None)],
            surplus_allowed: true,
            deferred_on: None,
        };
        // What is paid meanwhile, what comes, and what becomes of it.
        for (paid, came, state, open, surplus) in [
            (0, 10_000, PaymentState::Succeeded, 0, 0),
            (0, 6_000, PaymentState::Partial, 4_000, 0),
            (0, 12_000, PaymentState::Succeeded, 0, 2_000),
            (3_000, 10_000, PaymentState::Succeeded, 0, 3_000),
            (10_000, 10_000, PaymentState::Succeeded, 0, 10_000),
        ] {
            let mut these_invoices = invoices(&[10_000]);
            ask(&mut ids(), customer().id, &mut these_invoices, &asked, NOW)
                .unwrap()
                .cancel(&mut these_invoices, NOW)
                .unwrap();
            assert_eq!(these_invoices[0].announcements, Announcements::InVain);
            let mut again =
                ask(&mut ids(), customer().id, &mut these_invoices, &asked, NOW).unwrap();
            assert_eq!(
                (
                    these_invoices[0].pending,
                    these_invoices[0].announcements,
                    again.tenders[0].amount
                ),
                (usd(0), Announcements::Again, usd(10_000))
            );
            let third =
                PaymentRequest { invoices: vec![(these_invoices[0].id, None)], ..asked.clone() };
            assert_eq!(
                ask(&mut ids(), customer().id, &mut these_invoices, &third, NOW)
                    .unwrap_err()
                    .reason,
                "PAYMENT_PENDING"
            );
            assert_eq!(
                ask(&mut ids(), customer().id, &mut these_invoices, &asked, NOW)
                    .unwrap_err()
                    .reason,
                "NOTHING_PAYABLE"
            );
            if paid > 0 {
                let till = (String::new(), "2026-01-03".parse().unwrap());
                Payment::outside(
                    &mut ids(),
                    &mut these_invoices,
                    (Vec::new(), Some(usd(paid))),
                    till,
                    NOW,
                )
                .unwrap();
            }
            again.arrived(&mut line(came), &mut these_invoices, NOW).unwrap();
            again.tenders[0].state = TenderState::Succeeded;
            again.close(&mut these_invoices, NOW).unwrap();
            assert_eq!(
                (again.state, these_invoices[0].open().unwrap(), again.surplus),
                (state, usd(open), usd(surplus)),
                "{paid} {came}"
            );
            assert_eq!(
                (these_invoices[0].pending, these_invoices[0].announcements),
                (usd(0), Announcements::InVain)
            );
        }
    }

    #[test]
    fn an_announcement_carries_its_invoices_reference_or_one_of_its_own() {
        for cents in [vec![10_000], vec![10_000, 2_000]] {
            let mut these_invoices = invoices(&cents);
            let asked = PaymentRequest {
                invoices: Vec::new(),
                tenders: vec![(Source::Announced, None)],
                surplus_allowed: true,
                deferred_on: None,
            };
            let mut payment =
                ask(&mut ids(), customer().id, &mut these_invoices, &asked, NOW).unwrap();
            payment.announce(&these_invoices, "Bank 1".into());
            let named = numbers_in(&format!("your {} thanks", payment.reference));
            assert!(
                payment.reference.starts_with("RF") && payment.reference.len() <= 25,
                "{}",
                payment.reference
            );
            let expected = if cents.len() == 1 {
                these_invoices[0].issue.as_ref().unwrap().number.clone()
            } else {
                announced_number(payment.id.uuid())
            };
            assert_eq!((named, payment.bank_details.as_str()), (vec![expected], "Bank 1"));
        }
    }

    #[test]
    fn what_was_paid_elsewhere_pays_at_once_and_no_more_than_is_open() {
        let (mut these_invoices, day) = (invoices(&[10_000]), "2026-01-03".parse().unwrap());
        let payment = Payment::outside(
            &mut ids(),
            &mut these_invoices,
            (Vec::new(), Some(usd(4_000))),
            ("cash".into(), day),
            NOW,
        )
        .unwrap();
        assert_eq!((these_invoices[0].paid_by_day[0].on, payment.effective_on), (day, Some(day)));
        assert_eq!(
            (payment.state, these_invoices[0].paid, these_invoices[0].state),
            (PaymentState::Succeeded, usd(4_000), InvoiceState::Open)
        );
        let more = Payment::outside(
            &mut ids(),
            &mut these_invoices,
            (Vec::new(), Some(usd(6_001))),
            (String::new(), day),
            NOW,
        )
        .unwrap_err();
        assert_eq!(more.reason, "OVERPAYMENT_NOT_ALLOWED");
    }
}
