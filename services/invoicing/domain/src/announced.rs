//! Payments whose money moves elsewhere: a bank transfer that is announced and waits for its line, and what
//! staff say was paid outside (docs/domain/invoicing.md#slow-tenders).

use crate::{
    bank::{BankLine, announced_number, creditor_reference},
    invoice::Invoice,
    payment::{Payment, PaymentRequest, PaymentState, Source, TenderState, ask},
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Id, IdSource, Money, Refusal};

/// Days that an announced transfer is waited for.
pub const DAYS: i64 = 30;

/// What is paid of invoices; of one without an amount, what is payable.
type ByInvoice = Vec<(Id<Invoice>, Option<Money>)>;

impl Payment {
    /// Whether it waits for a transfer.
    #[must_use]
    pub fn is_announced(&self) -> bool {
        let waits = |tender: &crate::Tender| tender.source == Source::Announced && tender.state == TenderState::Processing;
        self.state == PaymentState::Processing && self.tenders.iter().any(waits)
    }

    /// Says where the transfer goes and what the payer is asked to write: the reference of its invoice, or one of its own
    /// that names all of them (docs/domain/invoicing.md#payment-reference).
    pub fn announce(&mut self, invoices: &[Invoice], bank_details: String) {
        let number = match self.allocations.as_slice() {
            [own] => {
                invoices.iter().find(|invoice| invoice.id == own.invoice).and_then(|invoice| Some(invoice.issue.as_ref()?.number.clone()))
            }
            _ => Some(announced_number(self.id.uuid())),
        };
        self.reference = number.map(|number| creditor_reference(&number)).unwrap_or_default();
        self.bank_details = bank_details;
    }

    /// The transfer that it waited for is there, be it less or more than was announced.
    pub fn arrived(&mut self, line: &mut BankLine, now: DateTime<Utc>) {
        line.payment = Some(self.id);
        self.effective_on = Some(line.shown.effective_on());
        for tender in self.tenders.iter_mut().filter(|own| own.source == Source::Announced) {
            tender.source = Source::Transfer(line.id.uuid());
            tender.amount = line.shown.amount;
        }
        self.touch(now);
    }

    /// Gives up waiting for a transfer: what it reserved is free again.
    ///
    /// # Errors
    /// `PAYMENT_STATE` for one that waits for none.
    pub fn cancel(&mut self, invoices: &mut [Invoice], now: DateTime<Utc>) -> Result<(), Refusal> {
        if !self.is_announced() {
            let allowed: &[&str] = if self.state == PaymentState::Processing { &[] } else { &["UnapplyPayment"] };
            return Err(Refusal::state("PAYMENT_STATE", "The payment", self.state.name(), allowed));
        }
        for tender in &mut self.tenders {
            tender.state = TenderState::Released;
        }
        self.close(invoices, now)?;
        self.state = PaymentState::Cancelled;
        Ok(())
    }

    /// Records what was paid elsewhere: it pays the invoices at once, and no service of ours moves money.
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
        let customer = invoices.first().map(|own| own.customer).ok_or_else(Refusal::not_found)?;
        let asked = PaymentRequest { invoices: asked, tenders: vec![(Source::Outside, amount)], surplus_allowed: false, deferred_on: None };
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

#[cfg(test)]
mod tests {
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
        for (came, state, open, surplus) in
            [(10_000, PaymentState::Succeeded, 0, 0), (6_000, PaymentState::Partial, 4_000, 0), (12_000, PaymentState::Succeeded, 0, 2_000)]
        {
            let mut own = invoices(&[10_000]);
            let asked =
                PaymentRequest { invoices: Vec::new(), tenders: vec![(Source::Announced, None)], surplus_allowed: true, deferred_on: None };
            let mut payment = ask(&mut ids(), customer().id, &mut own, &asked, NOW).unwrap();
            assert!(payment.is_announced() && own[0].payable().unwrap().is_zero());
            payment.arrived(&mut line(came), NOW);
            assert!(!payment.is_announced());
            payment.tenders[0].state = TenderState::Succeeded;
            payment.close(&mut own, NOW).unwrap();
            assert_eq!((payment.state, own[0].open().unwrap(), payment.surplus), (state, usd(open), usd(surplus)), "{came}");
        }
        let mut own = invoices(&[10_000]);
        let asked =
            PaymentRequest { invoices: Vec::new(), tenders: vec![(Source::Announced, None)], surplus_allowed: true, deferred_on: None };
        let mut payment = ask(&mut ids(), customer().id, &mut own, &asked, NOW).unwrap();
        payment.cancel(&mut own, NOW).unwrap();
        assert_eq!((payment.state, own[0].payable().unwrap()), (PaymentState::Cancelled, usd(10_000)));
        assert_eq!(payment.cancel(&mut own, NOW).unwrap_err().reason, "PAYMENT_STATE");
    }

    #[test]
    fn an_announcement_carries_its_invoices_reference_or_one_of_its_own() {
        for cents in [vec![10_000], vec![10_000, 2_000]] {
            let mut own = invoices(&cents);
            let asked =
                PaymentRequest { invoices: Vec::new(), tenders: vec![(Source::Announced, None)], surplus_allowed: true, deferred_on: None };
            let mut payment = ask(&mut ids(), customer().id, &mut own, &asked, NOW).unwrap();
            payment.announce(&own, "Bank 1".into());
            let named = numbers_in(&format!("your {} thanks", payment.reference));
            assert!(payment.reference.starts_with("RF") && payment.reference.len() <= 25, "{}", payment.reference);
            let expected =
                if cents.len() == 1 { own[0].issue.as_ref().unwrap().number.clone() } else { announced_number(payment.id.uuid()) };
            assert_eq!((named, payment.bank_details.as_str()), (vec![expected], "Bank 1"));
        }
    }

    #[test]
    fn what_was_paid_elsewhere_pays_at_once_and_no_more_than_is_open() {
        let (mut own, day) = (invoices(&[10_000]), "2026-01-03".parse().unwrap());
        let payment = Payment::outside(&mut ids(), &mut own, (Vec::new(), Some(usd(4_000))), ("cash".into(), day), NOW).unwrap();
        assert_eq!((own[0].paid_by_day[0].on, payment.effective_on), (day, Some(day)));
        assert_eq!((payment.state, own[0].paid, own[0].state), (PaymentState::Succeeded, usd(4_000), InvoiceState::Open));
        let more = Payment::outside(&mut ids(), &mut own, (Vec::new(), Some(usd(6_001))), (String::new(), day), NOW).unwrap_err();
        assert_eq!(more.reason, "OVERPAYMENT_NOT_ALLOWED");
    }
}
