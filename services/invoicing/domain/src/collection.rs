//! Automatic collection of invoices (docs/domain/invoicing.md#retries).

use crate::{
    invoice::{Invoice, InvoiceState},
    payment::{Allocation, Payment, PaymentState, Source, Tender, TenderState},
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{
    Id, IdSource, Money, Reason, Refusal,
    ladder::{Ladder, Rung},
    money::MoneyError,
};
use uuid::Uuid;

/// How the automatic collection of an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CollectionState {
    /// It is not collected by itself, or no more.
    #[default]
    Off,
    /// It is tried at the next instant.
    Scheduled,
    /// A payment is under way.
    Processing,
    /// The cardholder must authenticate; it is not tried again by itself.
    RequiresAction,
    /// The last try failed, or one for a final reason.
    Failed,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    CollectionState {
        Off = "OFF",
        Scheduled = "SCHEDULED",
        Processing = "PROCESSING",
        RequiresAction = "REQUIRES_ACTION",
        Failed = "FAILED",
    }
}

/// The automatic collection of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collection {
    /// How it stands.
    pub state: CollectionState,
    /// Failures so far.
    pub ladder: Ladder,
    /// When it is tried next; none while a block stands.
    pub next_at: Option<DateTime<Utc>>,
    /// Why the last try failed.
    pub reason: String,
    /// Whether its time came while a payment had reserved all.
    pub put_off: bool,
}

/// Days between the notice and the debit of a bank account.
pub const NOTICE_DAYS: i64 = 2;

/// What a customer was told before a bank account is debited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DebitNotice {
    /// The account.
    pub account: Uuid,
    /// The most that is debited, in micro-units of the invoice's currency.
    pub amount: i64,
    /// When, at the earliest.
    pub at: DateTime<Utc>,
}

/// Whether a bank account may be debited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// All is told.
    Enough,
    /// The day that was told has not come.
    Waits,
    /// It is told now.
    Now,
}

impl Invoice {
    /// Starts the automatic collection of an issued invoice on its due date.
    pub fn schedule_collection(&mut self, at: DateTime<Utc>) {
        if self.content.collect_automatically && self.state == InvoiceState::Open {
            self.collection = Collection {
                state: CollectionState::Scheduled,
                next_at: Some(at),
                ..Collection::default()
            };
        }
    }

    /// Before a bank account is debited the customer is told what and when, [`NOTICE_DAYS`] ahead;
    /// again where it is another account, or more. Until the day that was told no try is made, by
    /// hand neither.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn give_notice(&mut self, account: Uuid, now: DateTime<Utc>) -> Result<Notice, MoneyError> {
        let payable = self.payable()?;
        let due = self.collection.state == CollectionState::Scheduled
            && self.state == InvoiceState::Open
            && self.block.is_none();
        if !due || !payable.is_positive() {
            return Ok(Notice::Enough);
        }
        if let Some(given) =
            self.notice.filter(|given| given.account == account && given.amount >= payable.micros())
        {
            if given.at <= now {
                return Ok(Notice::Enough);
            }
            self.collection.next_at = Some(given.at);
            self.touch(now);
            return Ok(Notice::Waits);
        }
        let at = now + TimeDelta::days(NOTICE_DAYS);
        self.notice = Some(DebitNotice { account, amount: payable.micros(), at });
        self.collection.next_at = Some(at);
        self.touch(now);
        Ok(Notice::Now)
    }

    /// The time of a try has come: a payment of what is payable now, by the collection method; none
    /// where there is nothing to collect, or a block stands.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn collect(
        &mut self,
        ids: &mut IdSource,
        now: DateTime<Utc>,
    ) -> Result<Option<Payment>, Refusal> {
        if self.collection.state != CollectionState::Scheduled || self.state != InvoiceState::Open {
            return Ok(None);
        }
        self.touch(now);
        if self.block.is_some() {
            self.collection.next_at = None;
            return Ok(None);
        }
        let payable = self.payable()?;
        if !payable.is_positive() {
            // A payment under way has reserved all of it: it goes on as soon as that ends. That is
            // looked at tomorrow as well.
            self.collection.put_off = true;
            self.collection.next_at = Some(now + TimeDelta::days(1));
            return Ok(None);
        }
        let reversed = self.reserve(payable, now)?;
        self.collection.state = CollectionState::Processing;
        self.collection.next_at = None;
        self.collection.put_off = false;
        let zero = Money::zero(self.currency);
        Ok(Some(Payment {
            id: ids.make(),
            customer: self.customer,
            state: PaymentState::Processing,
            currency: self.currency,
            taxed: false,
            automatic: true,
            allocations: vec![Allocation::of(self.id, payable, reversed)],
            tenders: vec![Tender {
                source: Source::Collection(None),
                amount: payable,
                state: TenderState::Processing,
                refunded: zero,
                charged_back: zero,
            }],
            deferred: Vec::new(),
            surplus: zero,
            bought: None,
            reference: String::new(),
            bank_details: String::new(),
            owner: String::new(),
            marks: payterms_kernel::Marks::default(),
            effective_on: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }))
    }

    /// A payment has ended that had reserved what was to be collected, and did not pay it: the
    /// collection has waited long enough.
    pub(crate) fn collect_what_waited(&mut self, now: DateTime<Utc>) {
        if self.collection.put_off
            && self.collection.state == CollectionState::Scheduled
            && self.block.is_none()
        {
            self.collection.put_off = false;
            self.collection.next_at = Some(now);
        }
    }

    /// Takes in how an automatic payment ended: done, tried again later, or stopped with its
    /// reason.
    pub fn collection_ended(&mut self, payment: &Payment, now: DateTime<Utc>) {
        let failed = payment.tenders.iter().find_map(|tender| match &tender.state {
            TenderState::Failed(reason) => Some(reason.clone()),
            _ => None,
        });
        let Some(reason) = failed else {
            self.collection = Collection::default();
            self.notice = None;
            if self.state == InvoiceState::Open {
                // Another payment had reserved the rest; should it fail, that is collected too.
                self.schedule_collection(now + TimeDelta::days(1));
            }
            return;
        };
        let rung = self.collection.ladder.failed(&reason, now);
        self.collection.reason = reason;
        self.collection.next_at = if let Rung::At(at) = rung { Some(at) } else { None };
        self.collection.state = match rung {
            Rung::At(_) => CollectionState::Scheduled,
            Rung::Action => CollectionState::RequiresAction,
            Rung::Hard | Rung::Over => CollectionState::Failed,
        };
    }

    /// The day on which it is collected begins at another instant, since the tenant's zone has
    /// changed. Returns whether it does.
    pub fn move_collection(
        &mut self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> bool {
        let moves = from != to && self.collection.next_at == Some(from);
        if moves {
            self.collection.next_at = Some(to);
            self.touch(now);
        }
        moves
    }

    /// Another method became the collection method: a collection that has stopped is tried once
    /// more at `at`. Returns whether it is.
    pub fn try_new_method(&mut self, at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let has_stopped = matches!(
            self.collection.state,
            CollectionState::RequiresAction | CollectionState::Failed
        );
        let tries = has_stopped && self.state == InvoiceState::Open && self.block.is_none();
        if tries {
            self.collection.state = CollectionState::Scheduled;
            self.collection.ladder.next_is_last = true;
            self.collection.next_at = Some(at);
            self.touch(now);
        }
        tries
    }

    /// Tries now, by hand: the next rung of the ladder.
    ///
    /// # Errors
    /// `INVOICE_STATE`, `INVOICE_BLOCKED`, `COLLECTION_STATE` where it is not collected by itself
    /// or is being collected.
    pub fn retry_collection(&mut self, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.must_be(&[InvoiceState::Open])?;
        self.must_not_be_blocked()?;
        if matches!(self.collection.state, CollectionState::Off | CollectionState::Processing) {
            let allowed: &[&str] = if self.collection.state == CollectionState::Off {
                &["CreatePayment"]
            } else {
                &[]
            };
            return Err(Refusal::state(
                Reason::COLLECTION_STATE,
                "The collection",
                self.collection.state.name(),
                allowed,
            ));
        }
        self.collection.state = CollectionState::Scheduled;
        self.collection.next_at = Some(now);
        self.touch(now);
        Ok(())
    }

    /// The payments that paid an invoice end its collection.
    pub(crate) fn end_collection_if_closed(&mut self) {
        if self.state != InvoiceState::Open && self.collection.state != CollectionState::Processing
        {
            self.collection = Collection::default();
        }
    }
}

/// The id of the invoice that an automatic payment collects; none where a plan collects.
#[must_use]
pub fn collects(payment: &Payment) -> Option<Id<Invoice>> {
    payment
        .allocations
        .first()
        .filter(|_| payment.automatic && payment.owner.is_empty())
        .map(|allocation| allocation.invoice)
}

#[cfg(test)]
mod tests {
    use super::{CollectionState, Notice};
    use crate::payment::tests::invoices;
    use chrono::{DateTime, TimeDelta};
    use payterms_kernel::{Currency, Money};
    use uuid::Uuid;

    #[test]
    fn a_notice_covers_its_account_its_amount_and_its_day() {
        let mut invoice = invoices(&[1_000]).remove(0);
        let (now, account) = (DateTime::UNIX_EPOCH, Uuid::nil());
        assert_eq!(invoice.give_notice(account, now), Ok(Notice::Enough), "nothing is scheduled");
        invoice.collection.state = CollectionState::Scheduled;
        invoice.paid = Money::from_micros(Currency::parse("USD").unwrap(), 4_000_000);
        assert_eq!(
            (invoice.give_notice(account, now), invoice.give_notice(account, now)),
            (Ok(Notice::Now), Ok(Notice::Waits))
        );
        let at = now + TimeDelta::days(2);
        assert_eq!(
            (invoice.collection.next_at, invoice.give_notice(account, at)),
            (Some(at), Ok(Notice::Enough))
        );
        assert_eq!(invoice.give_notice(Uuid::max(), at), Ok(Notice::Now), "another account");
        invoice.paid = Money::zero(invoice.currency);
        let later = at + TimeDelta::days(2);
        assert_eq!(invoice.give_notice(Uuid::max(), later), Ok(Notice::Now), "more");
    }
}
