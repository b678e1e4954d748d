//! Collection waits while a dispute has taken the customer's only method: what would be tried is
//! blocked by that dispute (docs/domain/invoicing.md#collection-waits).

use crate::{
    block::{Block, BlockReason},
    collection::CollectionState,
    invoice::{Invoice, InvoiceState},
};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use payterms_kernel::{Refusal, calendar::start_of_day, ladder::Ladder};

/// How a collection goes on that has waited.
#[derive(Debug, Clone, Copy)]
pub struct Resumption {
    /// The day on which it is tried.
    pub on: NaiveDate,
    /// Whether its ladder begins anew: what it waited for is lost.
    pub anew: bool,
}

impl Invoice {
    /// A try has come that would find no method because of a dispute: it waits. Returns whether it
    /// does.
    pub fn wait_for_dispute(
        &mut self,
        dispute: &str,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> bool {
        let waits = self.state == InvoiceState::Open
            && self.collection.state == CollectionState::Scheduled
            && self.block.is_none();
        if waits {
            self.block = Some(Block {
                reason: BlockReason::Disputed,
                owner: dispute.to_owned(),
                since: today,
            });
            self.collection.next_at = None;
            self.touch(now);
        }
        waits
    }

    /// The dispute for which it waits, though what had paid it is not disputed.
    #[must_use]
    pub fn waits_for(&self) -> Option<&str> {
        let block = self.block.as_ref().filter(|block| block.reason == BlockReason::Disputed)?;
        Some(block.owner.as_str()).filter(|owner| !owner.is_empty() && *owner != self.disputed_by)
    }

    /// Whether nothing follows because a dispute is open: of what had paid it, or of what would be
    /// charged for it.
    #[must_use]
    pub fn rests_for_dispute(&self) -> bool {
        !self.disputed_by.is_empty() || self.waits_for().is_some()
    }

    /// Another open dispute may bring a method back.
    pub fn wait_for_another(&mut self, dispute: &str, now: DateTime<Utc>) {
        if self.waits_for().is_some()
            && let Some(block) = &mut self.block
        {
            dispute.clone_into(&mut block.owner);
            self.touch(now);
        }
    }

    /// What it waited for is decided. Returns whether it is collected then.
    ///
    /// # Errors
    /// None: only its own wait ends.
    pub fn resume(
        &mut self,
        resumption: Resumption,
        zone: Tz,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<bool, Refusal> {
        let Some(owner) = self.waits_for().map(str::to_owned) else { return Ok(false) };
        self.lift_block(&owner, today, now)?;
        if self.block.is_some() || self.collection.state != CollectionState::Scheduled {
            return Ok(false);
        }
        if resumption.anew {
            self.collection.ladder = Ladder::default();
            self.collection.reason.clear();
        }
        self.spare_until(resumption.on, now);
        self.collect_again(zone, start_of_day(zone, resumption.on), now);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::Resumption;
    use crate::{Block, BlockReason, CollectionState, Invoice, payment::tests::invoices};
    use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
    use chrono_tz::Tz;

    const DISPUTE: &str = "tenants/acme/customers/1/disputes/1";
    const OTHER: &str = "tenants/acme/customers/1/disputes/2";

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        day(text).and_hms_opt(0, 0, 0).unwrap().and_utc()
    }

    /// Due on 2 January, two tries having failed by the 3rd; the third finds a dispute on the 5th.
    fn waiting() -> Invoice {
        let mut invoice = invoices(&[10_000]).remove(0);
        invoice.collection.state = CollectionState::Scheduled;
        for failed in ["2026-01-02", "2026-01-03"] {
            invoice.collection.ladder.failed("card_declined", at(failed));
        }
        invoice.collection.reason = "card_declined".into();
        invoice.collection.next_at = Some(at("2026-01-05"));
        assert!(invoice.wait_for_dispute(DISPUTE, day("2026-01-05"), at("2026-01-05")));
        assert!(
            !invoice.wait_for_dispute(OTHER, day("2026-01-05"), at("2026-01-05")),
            "it waits already"
        );
        invoice
    }

    #[test]
    fn what_waits_goes_on_where_it_stood_or_anew_where_it_is_lost() {
        for (anew, tries) in [(false, 2), (true, 0)] {
            let mut invoice = waiting();
            assert_eq!(
                (invoice.waits_for(), invoice.collection.next_at, invoice.rests_for_dispute()),
                (Some(DISPUTE), None, true)
            );
            assert_eq!(
                invoice.next_reminder(&[1, 7], day("2026-01-06")),
                None,
                "nothing is reminded"
            );
            invoice.wait_for_another(OTHER, at("2026-01-07"));
            assert_eq!(invoice.waits_for(), Some(OTHER));
            let resumption = Resumption { on: day("2026-01-12"), anew };
            assert_eq!(
                invoice.resume(resumption, Tz::UTC, day("2026-01-10"), at("2026-01-10")),
                Ok(true)
            );
            assert_eq!(
                (invoice.block.is_none(), invoice.collection.ladder.attempts),
                (true, tries)
            );
            assert_eq!(invoice.collection.next_at, Some(at("2026-01-12")));
            assert_eq!(
                invoice.next_reminder(&[1, 7], day("2026-01-10")),
                Some(day("2026-01-12")),
                "nor before that day"
            );
            assert_eq!(
                invoice.resume(resumption, Tz::UTC, day("2026-01-10"), at("2026-01-10")),
                Ok(false),
                "once"
            );
        }
    }

    #[test]
    fn what_is_disputed_itself_meanwhile_stays_blocked_by_that() {
        let mut invoice = waiting();
        invoice.dispute_opened(OTHER, day("2026-01-06"), at("2026-01-06"));
        assert_eq!(invoice.waits_for(), Some(DISPUTE), "both");
        let resumption = Resumption { on: day("2026-01-08"), anew: false };
        assert_eq!(
            invoice.resume(resumption, Tz::UTC, day("2026-01-07"), at("2026-01-07")),
            Ok(false)
        );
        let block = invoice.block.clone().unwrap();
        assert_eq!((block.owner.as_str(), invoice.waits_for()), (OTHER, None));
        invoice.dispute_ended(OTHER, None, day("2026-01-09"), at("2026-01-09")).unwrap();
        assert!(invoice.block.is_none() && invoice.collection.next_at.is_some());
        // The other way round: the own dispute ends first.
        let mut invoice = waiting();
        invoice.dispute_opened(OTHER, day("2026-01-06"), at("2026-01-06"));
        invoice.dispute_ended(OTHER, None, day("2026-01-07"), at("2026-01-07")).unwrap();
        assert_eq!(invoice.waits_for(), Some(DISPUTE));
    }

    #[test]
    fn what_is_not_collected_or_blocked_otherwise_does_not_wait() {
        let now = at("2026-01-05");
        let mut off = invoices(&[10_000]).remove(0);
        assert!(
            !off.wait_for_dispute(DISPUTE, day("2026-01-05"), now),
            "it is not collected by itself"
        );
        off.collection.state = CollectionState::Scheduled;
        off.block = Some(Block {
            reason: BlockReason::Manual,
            owner: String::new(),
            since: day("2026-01-01"),
        });
        assert!(
            !off.wait_for_dispute(DISPUTE, day("2026-01-05"), now) && off.waits_for().is_none()
        );
        off.block = Some(Block {
            reason: BlockReason::Disputed,
            owner: String::new(),
            since: day("2026-01-01"),
        });
        assert_eq!(off.waits_for(), None, "a person has blocked it");
        // A plan that goes on holds what it covers.
        let mut invoice = waiting();
        let plan = Block {
            reason: BlockReason::PlanActive,
            owner: "plans/1".into(),
            since: day("2026-01-06"),
        };
        invoice.set_block(plan, now + TimeDelta::days(1)).unwrap();
        assert_eq!(
            (invoice.waits_for(), invoice.block.as_ref().unwrap().since),
            (None, day("2026-01-05"))
        );
    }
}
