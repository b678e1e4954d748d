//! What blocks the collection and the reminders of an invoice (docs/domain/invoicing.md#blocks).

use crate::{
    collection::CollectionState,
    invoice::{Invoice, InvoiceState},
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Reason, Refusal};

/// Why an invoice is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockReason {
    /// A payment plan has been proposed.
    PlanProposed,
    /// A payment plan is active.
    PlanActive,
    /// The customer disputes it.
    Disputed,
    /// Somebody of the tenant says so.
    Manual,
}

payterms_kernel::names! {
    /// The name of the reason, as in the contract.
    BlockReason { PlanProposed = "PAYMENT_PLAN_PROPOSED", PlanActive = "PAYMENT_PLAN_ACTIVE", Disputed = "DISPUTED", Manual = "MANUAL" }
}

/// What keeps an invoice from being collected and reminded; a customer may always pay it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Why.
    pub reason: BlockReason,
    /// Who alone lifts it: the name of a plan or of a dispute; empty: the tenant's people.
    pub owner: String,
    /// Since which day it stands, whatever replaced it.
    pub since: NaiveDate,
}

fn blocked(block: &Block) -> Refusal {
    let message = format!(
        "The invoice is blocked: {}. Only the block's owner lifts it.",
        block.reason.name()
    );
    Refusal::precondition(Reason::INVOICE_BLOCKED, message)
        .with("block_reason", block.reason.name())
        .with("owner", &block.owner)
}

impl Invoice {
    /// Refuses while a block stands.
    ///
    /// # Errors
    /// `INVOICE_BLOCKED`.
    pub fn must_not_be_blocked(&self) -> Result<(), Refusal> {
        self.block.as_ref().map_or(Ok(()), |block| Err(blocked(block)))
    }

    /// Blocks an open invoice, or replaces the owner's own block, also on one that was paid under
    /// it.
    ///
    /// # Errors
    /// `INVOICE_STATE`, `INVOICE_BLOCKED` by another owner.
    pub fn set_block(&mut self, mut block: Block, now: DateTime<Utc>) -> Result<(), Refusal> {
        match &self.block {
            // A plan that goes on holds what it covers, disputed or not; its instalments wait.
            Some(present)
                if block.reason == BlockReason::PlanActive
                    && present.reason == BlockReason::Disputed
                    && !present.owner.is_empty() =>
            {
                block.since = present.since;
            }
            Some(present) if present.owner != block.owner => return Err(blocked(present)),
            // What was paid under the owner's block stays the owner's until it is lifted.
            Some(present) => block.since = present.since,
            // A plan that is reinstated holds what it has paid as well: it may be taken back.
            None if block.reason == BlockReason::PlanActive => {}
            None => self.must_be(&[InvoiceState::Open])?,
        }
        self.block = Some(block);
        self.touch(now);
        Ok(())
    }

    /// Lifts the owner's block; collection that waited goes on at once. While a dispute is open its
    /// block takes the place. Without a block nothing happens.
    ///
    /// # Errors
    /// `INVOICE_BLOCKED` by another owner.
    pub fn lift_block(
        &mut self,
        owner: &str,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let Some(present) = &self.block else { return Ok(()) };
        if present.owner != owner {
            return Err(blocked(present));
        }
        let since = present.since;
        if !self.disputed_by.is_empty() && self.disputed_by != owner {
            self.block = Some(Block {
                reason: BlockReason::Disputed,
                owner: self.disputed_by.clone(),
                since,
            });
            self.touch(now);
            return Ok(());
        }
        self.block = None;
        self.reminders_resume(since, today);
        if self.collection.state == CollectionState::Scheduled && self.collection.next_at.is_none()
        {
            self.collection.next_at = Some(now);
        }
        self.touch(now);
        Ok(())
    }

    /// The owner's block falls after a breach: reminders start again from that day, and what is due
    /// later is due then where all is due at once.
    ///
    /// # Errors
    /// `INVOICE_BLOCKED` by another owner.
    pub fn fall_after_breach(
        &mut self,
        owner: &str,
        day: NaiveDate,
        at_once: bool,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        if self.block.is_none() {
            return Ok(());
        }
        self.lift_block(owner, day, now)?;
        self.reminders_restart(day);
        if let Some(issue) = self.issue.as_mut().filter(|issue| at_once && issue.due_date > day) {
            issue.due_date = day;
            if self.collection.state == CollectionState::Scheduled {
                self.collection.next_at = Some(now);
            }
        }
        Ok(())
    }
}
