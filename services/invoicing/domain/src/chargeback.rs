//! Chargebacks: an issuer takes back what a card had paid, and the invoices are open again
//! (docs/domain/invoicing.md#chargeback).

use crate::{
    invoice::Invoice,
    payment::{Payment, Source, TenderState},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, Money, Refusal};

/// What the wallet has booked: the part that invoices had kept, and the part of the surplus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The tender's place in its payment.
    pub place: usize,
    /// What invoices had kept.
    pub from_invoices: Money,
    /// What had become credit beyond them.
    pub from_surplus: Money,
}

/// What a payment had paid and pays no more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reversed {
    /// What is open again of each invoice.
    pub parts: Vec<(Id<Invoice>, Money)>,
    /// What had become credit beyond them; `None` where nothing had.
    pub surplus: Option<Money>,
}

impl Payment {
    /// Takes a chargeback in: the last allocation is lowered first, and its invoice is open by as
    /// much again. What a refund under way has taken already is not taken twice. `None` where it
    /// was taken in before.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn charged_back(
        &mut self,
        taken: Taken,
        invoices: &mut [Invoice],
        collect_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<Reversed>, Refusal> {
        let effective_on = self.effective_day();
        let Some(tender) = self.tenders.get_mut(taken.place) else { return Ok(None) };
        let charged = matches!(
            tender.source,
            Source::Card(_) | Source::BankDebit(_) | Source::Collection(_) | Source::Transfer(_)
        );
        if !charged || tender.state != TenderState::Succeeded || !tender.charged_back.is_zero() {
            return Ok(None);
        }
        let mut parts = Vec::new();
        let from_surplus = taken.from_surplus.min(self.surplus)?;
        let mut left = taken.from_invoices.min(tender.amount.minus(tender.refunded)?)?;
        tender.charged_back = tender.charged_back.plus(from_surplus)?;
        self.surplus = self.surplus.minus(from_surplus)?;
        for allocation in self.allocations.iter_mut().rev() {
            let part = allocation.paid.min(left)?;
            let Some(invoice) = invoices
                .iter_mut()
                .find(|invoice| invoice.id == allocation.invoice && part.is_positive())
            else {
                continue;
            };
            allocation.paid = allocation.paid.minus(part)?;
            tender.charged_back = tender.charged_back.plus(part)?;
            left = left.minus(part)?;
            invoice.undate_paid(effective_on, part)?;
            invoice.payment_gone(part, collect_at, now)?;
            parts.push((invoice.id, part));
        }
        // Taken back before there was a surplus: invoices cannot have kept more than they were
        // given.
        let rest = left.min(self.surplus)?;
        self.surplus = self.surplus.minus(rest)?;
        tender.charged_back = tender.charged_back.plus(rest)?;
        self.touch(now);
        let surplus = from_surplus.plus(rest)?;
        Ok(Some(Reversed { parts, surplus: surplus.is_positive().then_some(surplus) }))
    }
}

#[cfg(test)]
mod tests {
    use super::Taken;
    use crate::{
        InvoiceState, Payment, TenderState,
        payment::{
            PaymentRequest, Source, ask,
            tests::{customer, invoices},
        },
    };
    use chrono::DateTime;
    use payterms_kernel::{Currency, IdSource, Money};
    use uuid::Uuid;

    fn usd(cents: i64) -> Money {
        Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
    }

    fn paid(these_invoices: &mut [crate::Invoice]) -> Payment {
        let now = DateTime::UNIX_EPOCH;
        let tenders =
            vec![(Source::Credit, Some(usd(3_000))), (Source::Card(Uuid::nil()), Some(usd(9_000)))];
        let asked = PaymentRequest {
            invoices: Vec::new(),
            tenders,
            surplus_allowed: true,
            deferred_on: None,
        };
        let mut payment = ask(
            &mut IdSource::new(now, b"seed", "test"),
            customer().id,
            these_invoices,
            &asked,
            now,
        )
        .unwrap();
        payment.tenders.iter_mut().for_each(|tender| tender.state = TenderState::Succeeded);
        payment.close(these_invoices, now).unwrap();
        payment
    }

    #[test]
    fn what_the_card_had_paid_is_open_again_the_last_invoice_first() {
        let now = DateTime::UNIX_EPOCH;
        let mut these_invoices = invoices(&[5_000, 6_000]);
        let mut payment = paid(&mut these_invoices);
        assert_eq!(payment.surplus, usd(1_000));
        let taken = Taken { place: 1, from_invoices: usd(8_000), from_surplus: usd(1_000) };
        assert_eq!(
            payment
                .charged_back(taken, &mut these_invoices, now, now)
                .unwrap()
                .map(|reversed| reversed.surplus),
            Some(Some(usd(1_000)))
        );
        let open: Vec<_> = these_invoices.iter().map(|invoice| invoice.open().unwrap()).collect();
        assert_eq!(open.iter().copied().try_fold(usd(0), Money::plus), Ok(usd(8_000)));
        assert!(these_invoices.iter().all(|invoice| invoice.state == InvoiceState::Open));
        assert_eq!((payment.surplus, payment.tenders[1].charged_back), (usd(0), usd(9_000)));
        assert_eq!(payment.charged_back(taken, &mut these_invoices, now, now), Ok(None), "once");
        let other = Taken { place: 0, from_invoices: usd(0), ..taken };
        assert_eq!(
            payment.charged_back(other, &mut these_invoices, now, now),
            Ok(None),
            "not a charge"
        );
    }
}
