//! The day on which a payment counts as made, and what stands paid of an invoice by which day
//! (docs/domain/invoicing.md#effective-day).

use crate::{
    bank::Shown,
    invoice::{Invoice, InvoiceState},
    payment::Payment,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{DatedAmount, Money, dated, money::MoneyError};

/// What stands paid of an invoice, by effective day: sorted, and in sum what is paid of it.
pub type PaidByDay = Vec<DatedAmount>;

impl Shown {
    /// The day on which the money counts as paid: that of its booking or its value, whichever is
    /// earlier. The day on which a statement is imported says nothing about who paid when.
    #[must_use]
    pub fn effective_on(&self) -> NaiveDate {
        self.value_on.map_or(self.booked_on, |value| value.min(self.booked_on))
    }
}

impl Payment {
    /// Says on which day it has succeeded. A bank line's day is known before, and stays.
    pub fn took_effect(&mut self, today: NaiveDate) {
        self.effective_on.get_or_insert(today);
    }

    /// The day on which it counts as made. Whoever closes a payment has said it; else it is that of
    /// its last change.
    pub(crate) fn effective_day(&self) -> NaiveDate {
        self.effective_on.unwrap_or_else(|| self.updated_at.date_naive())
    }
}

impl Invoice {
    /// The day on which a payment counts for this invoice: nobody pays it before it is issued.
    fn paid_on(&self, effective_on: NaiveDate) -> NaiveDate {
        self.issue.as_ref().map_or(effective_on, |issue| effective_on.max(issue.issue_date))
    }

    /// Dates what a payment has paid.
    pub(crate) fn date_paid(
        &mut self,
        effective_on: NaiveDate,
        amount: Money,
    ) -> Result<(), MoneyError> {
        let day = self.paid_on(effective_on);
        dated::add(&mut self.paid_by_day, day, amount)
    }

    /// What a payment has paid does not stand any more.
    pub(crate) fn undate_paid(
        &mut self,
        effective_on: NaiveDate,
        amount: Money,
    ) -> Result<(), MoneyError> {
        let day = self.paid_on(effective_on);
        dated::take(&mut self.paid_by_day, day, amount)
    }

    /// A match was taken back: nothing follows from what is open again before a day, by which its
    /// customer knows.
    pub fn spare_until(&mut self, day: NaiveDate, now: DateTime<Utc>) {
        if self.state == InvoiceState::Open {
            self.no_consequence_before =
                Some(self.no_consequence_before.map_or(day, |known| known.max(day)));
            self.touch(now);
        }
    }

    /// The day before which nothing follows from what is open, while that day has not come.
    #[must_use]
    pub fn spared_until(&self, today: NaiveDate) -> Option<NaiveDate> {
        self.no_consequence_before.filter(|day| *day > today)
    }

    /// Lets the automatic collection wait until a time.
    pub fn collect_later(&mut self, at: DateTime<Utc>, now: DateTime<Utc>) {
        self.collection.next_at = Some(at);
        self.touch(now);
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        bank::Shown,
        chargeback::Taken,
        payment::{
            Payment, PaymentRequest, Source, TenderState, ask,
            tests::{customer, invoices},
        },
        refund::Refund,
    };
    use chrono::{DateTime, NaiveDate, Utc};
    use payterms_kernel::{Currency, IdSource, Money};
    use uuid::Uuid;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn usd(cents: i64) -> Money {
        Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn by_day(invoice: &crate::Invoice) -> Vec<(NaiveDate, i64)> {
        invoice.paid_by_day.iter().map(|dated| (dated.on, dated.amount.micros() / 10_000)).collect()
    }

    /// A card pays an amount of the invoices; the payment succeeds on a day.
    fn pay(invoices: &mut [crate::Invoice], cents: i64, on: &str) -> Payment {
        let mut ids = IdSource::new(NOW, on.as_bytes(), "test");
        let tenders = vec![(Source::Card(Uuid::nil()), Some(usd(cents)))];
        let asked = PaymentRequest {
            invoices: Vec::new(),
            tenders,
            surplus_allowed: true,
            deferred_on: None,
        };
        let mut payment = ask(&mut ids, customer().id, invoices, &asked, NOW).unwrap();
        payment.tenders[0].state = TenderState::Succeeded;
        payment.took_effect(day(on));
        payment.close(invoices, NOW).unwrap();
        payment
    }

    #[test]
    fn the_earlier_of_booking_and_value_day_counts() {
        for (booked, value, effective) in [
            ("2026-01-05", None, "2026-01-05"),
            ("2026-01-05", Some("2026-01-04"), "2026-01-04"),
            ("2026-01-05", Some("2026-01-05"), "2026-01-05"),
            ("2026-01-05", Some("2026-01-07"), "2026-01-05"),
        ] {
            let shown = Shown { value_on: value.map(day), ..Shown::plain(day(booked), usd(1)) };
            assert_eq!(shown.effective_on(), day(effective), "{booked} {value:?}");
        }
    }

    #[test]
    fn what_stands_paid_is_known_by_day_and_never_before_the_issue() {
        // Issued on 1 January 2026.
        let mut these_invoices = invoices(&[10_000]);
        pay(&mut these_invoices, 2_000, "2025-12-30");
        let second = pay(&mut these_invoices, 3_000, "2026-01-07");
        pay(&mut these_invoices, 1_000, "2026-01-04");
        let all = vec![
            (day("2026-01-01"), 2_000),
            (day("2026-01-04"), 1_000),
            (day("2026-01-07"), 3_000),
        ];
        assert_eq!((by_day(&these_invoices[0]), these_invoices[0].paid), (all, usd(6_000)));
        assert_eq!(second.effective_on, Some(day("2026-01-07")));
    }

    #[test]
    fn what_is_taken_back_leaves_its_own_day() {
        let mut these_invoices = invoices(&[10_000]);
        let mut first = pay(&mut these_invoices, 4_000, "2026-01-03");
        let later = pay(&mut these_invoices, 3_000, "2026-01-05");
        let taken = Taken { place: 0, from_invoices: usd(4_000), from_surplus: usd(0) };
        assert_eq!(
            first
                .charged_back(taken, &mut these_invoices, NOW, NOW)
                .map(|reversed| reversed.is_some()),
            Ok(true)
        );
        assert_eq!(
            (by_day(&these_invoices[0]), these_invoices[0].paid),
            (vec![(day("2026-01-05"), 3_000)], usd(3_000))
        );
        // A credit note gives back what is paid above the new total: the newest payment first.
        let mut again = pay(&mut these_invoices, 7_000, "2026-01-04");
        let (_, back) = these_invoices[0].credit(usd(1_000), NOW).unwrap();
        let mut payments = [again.clone(), later];
        Refund::of(
            &mut IdSource::new(NOW, b"seed", "test"),
            &mut these_invoices[0],
            &mut payments,
            back,
            None,
            NOW,
        )
        .unwrap();
        assert_eq!(
            by_day(&these_invoices[0]),
            [(day("2026-01-04"), 6_000), (day("2026-01-05"), 3_000)]
        );
        again = payments[0].clone();
        assert_eq!(again.allocations[0].refunded, usd(1_000));
    }

    #[test]
    fn nothing_follows_before_the_day_that_was_promised() {
        let mut invoice = invoices(&[10_000]).remove(0);
        invoice.spare_until(day("2026-02-05"), NOW);
        invoice.spare_until(day("2026-02-03"), NOW);
        assert_eq!(invoice.spared_until(day("2026-02-04")), Some(day("2026-02-05")));
        assert_eq!(invoice.spared_until(day("2026-02-05")), None);
        assert_eq!(invoice.next_reminder(&[1], day("2026-02-01")), Some(day("2026-02-05")));
        assert_eq!(invoice.remind(&[1], day("2026-02-04")), Ok(false));
        assert_eq!(invoice.remind(&[1], day("2026-02-05")), Ok(true));
        let mut paid = invoices(&[10_000]);
        pay(&mut paid, 10_000, "2026-01-03");
        paid[0].spare_until(day("2026-02-05"), NOW);
        assert_eq!(paid[0].no_consequence_before, None, "nothing is open");
    }
}
