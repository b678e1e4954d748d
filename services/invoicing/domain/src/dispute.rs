//! Disputes of charges: what is open again is blocked until it is decided whether the payment
//! stands (docs/domain/invoicing.md#disputes).

use crate::{
    block::{Block, BlockReason},
    chargeback::Reversed,
    collection::CollectionState,
    customer::Customer,
    invoice::{Invoice, InvoiceState},
    payment::{Allocation, Payment},
    refund::Refund,
};
use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use payterms_kernel::{Id, IdSource, Money, Refusal, calendar::start_of_day};

/// Days after which what is open again is collected at the earliest, once its customer was told.
pub const NOTICE: Days = Days::new(2);

/// How much of a dispute is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Applied {
    /// Nothing: its payment is under way, or another dispute of the same charge is not ended yet.
    #[default]
    Nothing,
    /// What was taken back is open again.
    Opened,
    /// Its end too.
    Ended,
}

payterms_kernel::names! {
    /// Its name in a column.
    Applied { Nothing = "NOTHING", Opened = "OPENED", Ended = "ENDED" }
}

/// A dispute of the wallet, as far as it is taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// Its id at the wallet.
    pub id: Id<Dispute>,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// How much of it is taken in.
    pub applied: Applied,
    /// What is open again.
    pub reversed: Reversed,
    /// The newest event of it, as it came.
    pub event: Vec<u8>,
}

impl Invoice {
    /// What had paid it is disputed: nothing follows from what is open again. Where another block
    /// stands it stays.
    pub fn dispute_opened(&mut self, dispute: &str, since: NaiveDate, now: DateTime<Utc>) {
        if self.state != InvoiceState::Open {
            return;
        }
        if self.disputed_by.is_empty() {
            dispute.clone_into(&mut self.disputed_by);
        }
        if self.block.is_none() {
            self.block = Some(Block {
                reason: BlockReason::Disputed,
                owner: self.disputed_by.clone(),
                since,
            });
        }
        if self.collection.state == CollectionState::Scheduled {
            self.collection.next_at = None;
        }
        self.touch(now);
    }

    /// The dispute is decided: its block is lifted, or goes to another open one.
    ///
    /// # Errors
    /// None: only the dispute's own block is lifted.
    pub fn dispute_ended(
        &mut self,
        dispute: &str,
        next: Option<&str>,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        if self.disputed_by != dispute {
            return Ok(());
        }
        next.unwrap_or_default().clone_into(&mut self.disputed_by);
        self.touch(now);
        match (&mut self.block, next) {
            (Some(block), Some(next)) if block.owner == dispute => {
                next.clone_into(&mut block.owner);
            }
            (Some(block), None) if block.owner == dispute => {
                self.lift_block(dispute, today, now)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// When what is open again is collected: on its due date, and not before an instant by which
    /// its customer knows. A try that is planned later stays.
    pub fn collect_again(&mut self, zone: Tz, from: DateTime<Utc>, now: DateTime<Utc>) {
        let due = self.issue.as_ref().map(|issue| start_of_day(zone, issue.due_date));
        if let Some(next) =
            self.collection.next_at.filter(|_| self.collection.state == CollectionState::Scheduled)
        {
            self.collection.next_at = Some(next.max(from).max(due.unwrap_or(from)));
            self.touch(now);
        }
    }
}

impl Payment {
    /// The payment stands again: what was taken back pays its invoices as far as they can take it,
    /// on its own day. What was paid otherwise meanwhile is given back as credit. Returns those
    /// refunds.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn stand_again(
        &mut self,
        place: usize,
        reversed: &Reversed,
        invoices: &mut [Invoice],
        ids: &mut IdSource,
        now: DateTime<Utc>,
    ) -> Result<Vec<Refund>, Refusal> {
        let (effective_on, id) = (self.effective_day(), self.id);
        let Some(tender) = self.tenders.get_mut(place) else { return Ok(Vec::new()) };
        let mut refunds = Vec::new();
        if let Some(surplus) = reversed.surplus {
            tender.charged_back = tender.charged_back.minus(surplus)?;
            self.surplus = self.surplus.plus(surplus)?;
        }
        for (invoice, part) in &reversed.parts {
            let Some(allocation) =
                self.allocations.iter_mut().find(|allocation| allocation.invoice == *invoice)
            else {
                continue;
            };
            let Some(invoice) = invoices.iter_mut().find(|each| each.id == *invoice) else {
                continue;
            };
            let takes = if matches!(invoice.state, InvoiceState::Open | InvoiceState::Uncollectible)
            {
                invoice.collectable()?.min(*part)?
            } else {
                Money::zero(part.currency())
            };
            tender.charged_back = tender.charged_back.minus(*part)?;
            allocation.paid = allocation.paid.plus(takes)?;
            if takes.is_positive() {
                let reversed = invoice.reserve(takes, now)?;
                invoice.take_payment(
                    &Allocation { paid: takes, ..Allocation::of(invoice.id, takes, reversed) },
                    effective_on,
                    now,
                )?;
            }
            let beyond = part.minus(takes)?;
            if beyond.is_positive() {
                allocation.refunded = allocation.refunded.plus(beyond)?;
                tender.refunded = tender.refunded.plus(beyond)?;
                refunds.push(Refund::beyond(ids, invoice, id, place, beyond, now));
            }
        }
        self.touch(now);
        Ok(refunds)
    }
}

#[cfg(test)]
#[path = "dispute_tests.rs"]
mod tests;
