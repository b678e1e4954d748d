//! Paying by credit line: the invoice stays open, deferred, due by the line's term from the day of
//! the purchase; one sale keeps one document (docs/domain/credit.md#deferral).

use crate::{
    collection::{Collection, CollectionState},
    invoice::{Invoice, InvoiceState},
    payment::{Allocation, Payment, Source, Tender, TenderState},
    reminder::Reminders,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Condition, Id, Money, Reason, Refusal, money::MoneyError};
use uuid::Uuid;

/// How an invoice is deferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deferral {
    /// The line.
    pub line: Uuid,
    /// The draw.
    pub draw: Uuid,
    /// What was drawn.
    pub amount: Money,
    /// Day of the purchase.
    pub purchased_on: NaiveDate,
    /// Whether it may be paid in a plan.
    pub plans_allowed: bool,
}

/// What a captured draw makes of its invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deferred {
    /// The invoice.
    pub invoice: Id<Invoice>,
    /// How it is deferred.
    pub deferral: Deferral,
    /// When it falls due now.
    pub due_on: NaiveDate,
    /// When it is collected, if it is collected by itself.
    pub collect_at: DateTime<Utc>,
}

impl Invoice {
    /// What keeps it from being deferred, each with the reason that it is.
    fn against_deferral(&self, today: NaiveDate) -> Result<Vec<(Reason, Condition)>, MoneyError> {
        let subject = self.issue.as_ref().map(|issue| issue.number.clone()).unwrap_or_default();
        let mut against = Vec::new();
        let mut wrong = |is: bool, reason: Reason, description: &str| {
            if is {
                let (subject, description) = (subject.clone(), description.to_owned());
                against.push((reason, Condition { name: reason.name(), subject, description }));
            }
        };
        wrong(
            self.state != InvoiceState::Open,
            Reason::INVOICE_STATE,
            "Only an open invoice can be deferred.",
        );
        wrong(
            self.past_due(today)?,
            Reason::INVOICE_PAST_DUE,
            "It is past due: pay it by another method.",
        );
        wrong(
            self.block.is_some(),
            Reason::INVOICE_BLOCKED,
            "It is blocked: pay it by another method.",
        );
        wrong(
            self.deferral.is_some(),
            Reason::INVOICE_DEFERRED,
            "It is deferred already: pay it by another method.",
        );
        wrong(
            self.pending.is_positive(),
            Reason::PAYMENT_PENDING,
            "A payment under way has reserved a part of it.",
        );
        Ok(against)
    }

    /// A draw was captured for all that is open of it: it falls due by the line's term, and is
    /// collected then.
    pub(crate) fn defer(&mut self, deferred: &Deferred, now: DateTime<Utc>) {
        self.deferral = Some(deferred.deferral);
        if let Some(issue) = self.issue.as_mut() {
            issue.due_date = deferred.due_on;
        }
        if self.content.collect_automatically && self.state == InvoiceState::Open {
            self.collection = Collection {
                state: CollectionState::Scheduled,
                next_at: Some(deferred.collect_at),
                ..Collection::default()
            };
        }
        self.notice = None;
        // Its steps are counted from the new due date.
        self.reminders = Reminders { last_on: self.reminders.last_on, ..Reminders::default() };
        self.touch(now);
    }
}

/// The line among tenders, and what it is to cover.
#[must_use]
pub fn line_of(tenders: &[Tender]) -> Option<(Uuid, Money)> {
    tenders.iter().find_map(|tender| {
        if let Source::Line(line) = tender.source { Some((line, tender.amount)) } else { None }
    })
}

/// Refuses a payment by line unless the line covers all that the other tenders leave open of
/// invoices that can be deferred: with credit and cards alone, without a surplus.
///
/// # Errors
/// `INVOICE_STATE`, `INVOICE_PAST_DUE`, `INVOICE_BLOCKED`, `INVOICE_DEFERRED`, `PAYMENT_PENDING`,
/// `TENDERS_MISMATCH`.
pub(crate) fn must_cover(
    tenders: &[Tender],
    instructed: &[(Id<Invoice>, Money)],
    invoices: &[Invoice],
    wanted: Money,
    today: Option<NaiveDate>,
) -> Result<(), Refusal> {
    if line_of(tenders).is_none() {
        return Ok(());
    }
    let mut against = Vec::new();
    // Each that was asked for, also one of which nothing is left to pay.
    for invoice in invoices {
        against.extend(invoice.against_deferral(today.unwrap_or_default())?);
    }
    if let Some((reason, _)) = against.first().cloned() {
        let sentences: Vec<_> = against
            .iter()
            .take(10)
            .map(|(_, condition)| format!("{}: {}", condition.subject, condition.description))
            .collect();
        let mut refusal = Refusal::precondition(reason, sentences.join(" "));
        if let Some(block) = invoices
            .iter()
            .find_map(|invoice| invoice.block.as_ref())
            .filter(|_| reason == Reason::INVOICE_BLOCKED)
        {
            refusal = refusal.with("block_reason", block.reason.name()).with("owner", &block.owner);
        }
        let conditions = against.into_iter().map(|(_, condition)| condition).collect();
        return Err(refusal.with_conditions(conditions));
    }
    let paying = tenders
        .iter()
        .try_fold(Money::zero(wanted.currency()), |sum, tender| sum.plus(tender.amount))?;
    let mut whole =
        tenders.iter().filter(|tender| matches!(tender.source, Source::Line(_))).count() == 1;
    for (id, amount) in instructed {
        let open =
            invoices.iter().find(|invoice| invoice.id == *id).map(Invoice::open).transpose()?;
        whole &= open == Some(*amount);
    }
    let slow = tenders
        .iter()
        .any(|tender| matches!(tender.source, Source::BankDebit(_) | Source::Announced));
    if !whole || paying != wanted || slow {
        let message = "One credit line covers all that credit and cards leave open of each invoice, and goes with nothing else.";
        return Err(Refusal::precondition(Reason::TENDERS_MISMATCH, message)
            .with("tenders", paying.amount())
            .with("invoices", wanted.amount()));
    }
    Ok(())
}

impl Payment {
    /// What the line is to cover of each invoice.
    #[must_use]
    pub fn to_defer(&self) -> Vec<(Id<Invoice>, Money)> {
        self.allocations
            .iter()
            .filter(|allocation| allocation.deferred.is_positive())
            .map(|allocation| (allocation.invoice, allocation.deferred))
            .collect()
    }

    /// Whether the line covers its part: it is drawn.
    pub(crate) fn line_covers(&self) -> bool {
        self.tenders.iter().any(|tender| {
            matches!(tender.source, Source::Line(_)) && tender.state == TenderState::Succeeded
        })
    }

    /// Defers the invoices that the line has covered.
    pub(crate) fn defer(&self, invoices: &mut [Invoice], now: DateTime<Utc>) {
        for deferred in &self.deferred {
            if let Some(invoice) =
                invoices.iter_mut().find(|invoice| invoice.id == deferred.invoice)
            {
                invoice.defer(deferred, now);
            }
        }
    }
}

/// Splits what is left for an invoice into what is paid and what the line covers.
///
/// # Errors
/// None that stored amounts can cause.
pub(crate) fn split(part: Money, paying: Money) -> Result<Money, MoneyError> {
    part.minus(part.min(paying)?)
}

impl Allocation {
    /// What it pays at most, beside what the line covers.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub(crate) fn to_pay(&self) -> Result<Money, MoneyError> {
        self.amount.minus(self.deferred)
    }
}

#[cfg(test)]
mod tests {
    use super::{Deferral, Deferred};
    use crate::{
        collection::CollectionState,
        invoice::InvoiceState,
        payment::{PaymentRequest, PaymentState, Source, TenderState, ask, tests::invoices},
    };
    use chrono::{DateTime, NaiveDate};
    use payterms_kernel::Reason;
    use payterms_kernel::{Currency, IdSource, Money};
    use uuid::Uuid;

    fn usd(cents: i64) -> Money {
        Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
    }

    fn asked(tenders: Vec<(Source, Option<Money>)>) -> PaymentRequest {
        PaymentRequest {
            invoices: Vec::new(),
            tenders,
            surplus_allowed: true,
            deferred_on: NaiveDate::from_ymd_opt(2026, 1, 2),
        }
    }

    #[test]
    fn the_line_covers_what_the_others_leave_and_the_invoice_stays_open() {
        let now = DateTime::UNIX_EPOCH;
        let mut ids = IdSource::new(now, b"seed", "test");
        let mut owned = invoices(&[10_000, 5_000]);
        owned[0].content.collect_automatically = true;
        let customer = owned[1].customer;
        let tenders =
            vec![(Source::Line(Uuid::max()), None), (Source::Card(Uuid::nil()), Some(usd(12_000)))];
        let mut payment = ask(&mut ids, customer, &mut owned, &asked(tenders), now).unwrap();
        assert_eq!(payment.to_defer(), vec![(owned[0].id, usd(3_000))], "the card pays the oldest");
        assert_eq!(
            payment.tenders.last().unwrap().source,
            Source::Line(Uuid::max()),
            "drawn last of all that is planned"
        );
        for tender in &mut payment.tenders {
            tender.state = TenderState::Succeeded;
        }
        let due_on = NaiveDate::from_ymd_opt(2026, 2, 28).unwrap();
        let deferral = Deferral {
            line: Uuid::max(),
            draw: Uuid::nil(),
            amount: usd(3_000),
            purchased_on: due_on,
            plans_allowed: false,
        };
        payment.deferred =
            vec![Deferred { invoice: owned[0].id, deferral, due_on, collect_at: now }];
        payment.close(&mut owned, now).unwrap();
        assert_eq!((payment.state, payment.surplus), (PaymentState::Succeeded, usd(0)));
        assert_eq!((owned[1].state, owned[0].state), (InvoiceState::Paid, InvoiceState::Open));
        assert_eq!(
            (owned[0].open(), owned[0].pending, owned[0].paid),
            (Ok(usd(3_000)), usd(0), usd(7_000))
        );
        assert_eq!(owned[0].issue.as_ref().unwrap().due_date, due_on);
        assert_eq!(owned[0].collection.state, CollectionState::Scheduled);
        let again = ask(
            &mut ids,
            customer,
            &mut owned,
            &asked(vec![(Source::Line(Uuid::max()), None)]),
            now,
        )
        .unwrap_err();
        assert_eq!(again.reason, Reason::INVOICE_DEFERRED);
        // What repays it goes to credit if it is given back.
        let mut repaid = ask(
            &mut ids,
            customer,
            &mut owned,
            &asked(vec![(Source::Card(Uuid::nil()), None)]),
            now,
        )
        .unwrap();
        repaid.tenders[0].state = TenderState::Succeeded;
        repaid.close(&mut owned, now).unwrap();
        assert_eq!((owned[0].state, repaid.allocations[0].repays_line), (InvoiceState::Paid, true));
    }

    #[test]
    fn a_declined_card_releases_the_line() {
        let now = DateTime::UNIX_EPOCH;
        let mut ids = IdSource::new(now, b"seed", "test");
        let mut owned = invoices(&[10_000]);
        let tenders =
            vec![(Source::Line(Uuid::max()), None), (Source::Card(Uuid::nil()), Some(usd(4_000)))];
        let customer = owned[0].customer;
        let mut payment = ask(&mut ids, customer, &mut owned, &asked(tenders), now).unwrap();
        for tender in &mut payment.tenders {
            tender.state = if tender.source == Source::Line(Uuid::max()) {
                TenderState::Released
            } else {
                TenderState::Failed("no".into())
            };
        }
        payment.close(&mut owned, now).unwrap();
        assert_eq!(
            (payment.state, owned[0].open(), owned[0].deferral),
            (PaymentState::Failed, Ok(usd(10_000)), None)
        );
        assert_eq!(payment.allocations[0].deferred, usd(0));
    }

    #[test]
    fn a_line_goes_with_nothing_slow_and_covers_all() {
        let now = DateTime::UNIX_EPOCH;
        let mut ids = IdSource::new(now, b"seed", "test");
        let line = (Source::Line(Uuid::max()), None);
        let customer = invoices(&[1])[0].customer;
        let mut refused = |tenders, today: &str| {
            let mut owned = invoices(&[10_000]);
            let asked = super::tests::asked(tenders);
            ask(
                &mut ids,
                customer,
                &mut owned,
                &PaymentRequest { deferred_on: today.parse().ok(), ..asked },
                now,
            )
            .unwrap_err()
            .reason
        };
        assert_eq!(
            refused(vec![line, (Source::BankDebit(Uuid::nil()), Some(usd(1)))], "2026-01-02"),
            Reason::TENDERS_MISMATCH
        );
        assert_eq!(
            refused(vec![(Source::Line(Uuid::max()), Some(usd(9_999)))], "2026-01-02"),
            Reason::TENDERS_MISMATCH
        );
        assert_eq!(
            refused(vec![(Source::Line(Uuid::max()), Some(usd(10_001)))], "2026-01-02"),
            Reason::TENDERS_MISMATCH
        );
        assert_eq!(refused(vec![line], "2026-01-03"), Reason::INVOICE_PAST_DUE);
    }
}
