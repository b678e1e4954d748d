//! Auto-recharge: when a wallet buys credit by itself, and how much
//! (docs/domain/wallet.md#auto-recharge).
//!
//! Triggers only mark a wallet. A wallet has at most one open recharge; when it ends, the rules are
//! evaluated again. So many triggers at once cannot charge twice.

pub use crate::recharge_rules::{MonthFigures, NotCharged, Rules, Then, Wanted};

use crate::{
    recharge_rules::{multiple, times},
    top_up::{TopUp, TopUpState},
    wallet::Wallet,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{
    Id, Money, Reason, Refusal,
    ladder::{AUTHENTICATION_REQUIRED, Ladder, Rung},
};

/// When something ends, and the month in which it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instants {
    /// The instant.
    pub now: DateTime<Utc>,
    /// When its month began.
    pub month_began: DateTime<Utc>,
    /// When the next month begins.
    pub next_month: DateTime<Utc>,
}

/// Why the rules stop when credit was revoked.
const REVOKED: &str = "CREDIT_REVOKED";

/// What may end a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Credit was bought by hand or by transfer.
    CreditBought,
    /// A payment method was added.
    MethodAdded,
    /// Another method became the collection method.
    MethodReplaced,
}

/// A wallet's rules and their state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AutoRecharge {
    /// The rules.
    pub rules: Rules,
    /// Whether a month end has passed for which no recharge was made yet.
    pub month_end_marked: bool,
    /// The open recharge.
    pub open: Option<Id<TopUp>>,
    /// Whether the open or failed recharge was for the month's end.
    pub for_month_end: bool,
    /// Why the last recharge failed; empty if it did not.
    pub failure: String,
    /// The failures of this period.
    pub ladder: Ladder,
    /// When it is retried automatically.
    pub retry_at: Option<DateTime<Utc>>,
    /// Until when no recharge begins, because an issuer has taken a charge back.
    pub paused_until: Option<DateTime<Utc>>,
    /// The end of the month in which the customer was told that its ceiling is reached.
    pub ceiling_told_until: Option<DateTime<Utc>>,
    /// Counts changes.
    pub version: i64,
}

impl AutoRecharge {
    /// The credit that the rules require now; `None` while a recharge is open or has failed, or if
    /// the wallet is postpaid.
    pub fn wanted(&self, wallet: &Wallet, now: DateTime<Utc>) -> Result<Option<Wanted>, Refusal> {
        let is_paused = self.paused_until.is_some_and(|until| now < until);
        if self.open.is_some()
            || !self.failure.is_empty()
            || is_paused
            || wallet.overdraft.is_some()
        {
            return Ok(None);
        }
        // What is owed because a transfer or a charge was taken back is never collected by itself:
        // the rules do not see it.
        let deficit =
            Money::zero(wallet.currency).minus(wallet.posted)?.minus(wallet.owed_undone)?;
        let repair = (self.rules.repair_negative && deficit.is_positive()).then_some(deficit);
        let available = wallet.available(now)?.plus(wallet.owed_undone)?;
        let below = match self.rules.threshold {
            Some((below, then)) if available.compare(below)?.is_lt() => Some(match then {
                // One trigger makes one charge, which brings the wallet back to its threshold.
                Then::Amount(amount) => {
                    let credit = times(amount, multiple(amount, below.minus(available)?)?)?;
                    Wanted { credit, step: Some(amount) }
                }
                Then::UpTo(target) => Wanted { credit: target.minus(available)?, step: None },
            }),
            _ => None,
        };
        let plain = |credit: Money| Wanted { credit, step: None };
        let month_end = self.rules.month_end.filter(|_| self.month_end_marked).map(plain);
        // What reaches the threshold repairs the balance too.
        let Some(rule) = below.or(repair.map(plain)).or(month_end) else { return Ok(None) };
        let credit = rule.credit.max(deficit)?.round_up_to_minor_unit();
        Ok(Some(Wanted { credit, step: rule.step.filter(|_| credit == rule.credit) }))
    }

    /// Refuses where there are no rules.
    ///
    /// # Errors
    /// `RECHARGE_STATE`.
    pub fn must_have_rules(&self) -> Result<(), Refusal> {
        if self.rules.is_none() {
            return Err(Refusal::state(
                Reason::RECHARGE_STATE,
                "Auto-recharge",
                "OFF",
                &["UpdateAutoRecharge"],
            ));
        }
        Ok(())
    }

    /// Sets the rules, or none. What has failed or waits is over with the old ones; a recharge that
    /// is open ends by itself.
    pub fn set(&mut self, rules: Rules) {
        self.rules = rules;
        self.start_anew();
        self.end_pause();
        self.month_end_marked &= rules.month_end.is_some();
        self.ceiling_told_until = None;
        self.version = self.version.saturating_add(1);
    }

    /// Refuses what takes credit away where the rules then require more than before: they would buy
    /// it again. What is open, or has stopped, does not count: it ends, and the rules are evaluated
    /// then.
    ///
    /// # Errors
    /// `RECHARGE_WOULD_FOLLOW`.
    pub fn must_not_follow(
        &self,
        before: &Wallet,
        after: &Wallet,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let rules = Self { open: None, failure: String::new(), paused_until: None, ..self.clone() };
        let zero = Money::zero(before.currency);
        let wanted = |wallet: &Wallet| {
            Ok::<_, Refusal>(rules.wanted(wallet, now)?.map_or(zero, |wanted| wanted.credit))
        };
        if wanted(after)?.compare(wanted(before)?)?.is_gt() {
            let message = "Auto-recharge would buy the credit again. Remove its rules with RemoveAutoRecharge first, or let the customer \
                           change them with UpdateAutoRecharge.";
            return Err(Refusal::precondition(Reason::RECHARGE_WOULD_FOLLOW, message));
        }
        Ok(())
    }

    /// An issuer has taken a charge back: nothing is charged before the customer has had notice,
    /// since it would be another method.
    pub fn pause(&mut self, until: DateTime<Utc>) {
        self.paused_until = Some(self.paused_until.map_or(until, |known| known.max(until)));
        self.version = self.version.saturating_add(1);
    }

    /// Until when its rules wait after an instant; `None` where there are none, or they do not
    /// wait.
    #[must_use]
    pub fn pause_after(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.paused_until.filter(|until| *until > now && !self.rules.is_none())
    }

    /// Ends the pause; returns whether there was one.
    pub fn end_pause(&mut self) -> bool {
        let was_paused = self.paused_until.take().is_some();
        if was_paused {
            self.version = self.version.saturating_add(1);
        }
        was_paused
    }

    /// Begins a recharge. It clears the mark of the month's end only if no other rule required
    /// credit.
    pub fn begin(
        &mut self,
        top_up: Id<TopUp>,
        wallet: &Wallet,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let others = Self { month_end_marked: false, ..self.clone() };
        self.for_month_end = others.wanted(wallet, now)?.is_none();
        self.month_end_marked &= !self.for_month_end;
        self.open = Some(top_up);
        self.version = self.version.saturating_add(1);
        Ok(())
    }

    /// Stops the rules because credit was revoked: they would buy it again. Returns false where
    /// there are none.
    pub fn stop_for_revocation(&mut self) -> bool {
        if self.rules.is_none() {
            return false;
        }
        REVOKED.clone_into(&mut self.failure);
        self.retry_at = None;
        self.version = self.version.saturating_add(1);
        true
    }

    /// Ends such a stop, because the credit is there again; returns whether there was one.
    pub fn resume_after_revocation(&mut self) -> bool {
        let ends = self.failure == REVOKED;
        if ends {
            self.start_anew();
            self.version = self.version.saturating_add(1);
        }
        ends
    }

    /// Records the end of a recharge. A failure is stored, so that the customer sees it.
    pub fn end(&mut self, top_up: &TopUp, times: Instants) {
        let revoked = self.failure == REVOKED;
        match top_up.state {
            TopUpState::Processing => return,
            TopUpState::Succeeded | TopUpState::ChargedBack => self.start_anew(),
            TopUpState::Failed if top_up.decline_code.is_empty() => {
                self.fail("DECLINED", "DECLINED", times);
            }
            TopUpState::Failed => self.fail(&top_up.decline_code, &top_up.decline_code, times),
            TopUpState::RequiresAction => {
                self.fail("REQUIRES_ACTION", AUTHENTICATION_REQUIRED, times);
            }
        }
        // The month's end did not get its credit, so its mark is set again for the retry.
        self.month_end_marked |=
            self.for_month_end && !self.failure.is_empty() && self.rules.month_end.is_some();
        self.for_month_end = false;
        self.open = None;
        self.version = self.version.saturating_add(1);
        // What was revoked while the recharge was open still stops the rules.
        if revoked {
            self.stop_for_revocation();
        }
    }

    /// Records that a recharge could not be made. One that would exceed the ceiling is retried when
    /// the next month begins. Returns whether the customer was told of this already: of a month's
    /// ceiling once.
    pub fn not_charged(&mut self, why: &NotCharged, times: Instants) -> bool {
        let is_ceiling = matches!(why, NotCharged::Ceiling);
        let is_told = is_ceiling && self.ceiling_told_until == Some(times.next_month);
        if is_ceiling {
            self.ceiling_told_until = Some(times.next_month);
            why.failure().clone_into(&mut self.failure);
            self.retry_at = Some(times.next_month);
        } else {
            self.fail(why.failure(), why.failure(), times);
        }
        self.version = self.version.saturating_add(1);
        is_told
    }

    fn fail(
        &mut self,
        shown: &str,
        reason: &str,
        Instants { now, month_began, next_month }: Instants,
    ) {
        shown.clone_into(&mut self.failure);
        // Attempts belong to a month, as the ceiling does: the first one of a month begins a new
        // ladder.
        if self.ladder.first_failed_at.is_some_and(|at| at < month_began) {
            self.ladder = Ladder::default();
        }
        self.retry_at = match self.ladder.failed(reason, now) {
            Rung::At(at) => Some(at),
            Rung::Over => Some(next_month),
            Rung::Hard | Rung::Action => None,
        };
    }

    /// Starts a new ladder of retries, after a success, with new rules or in a new period.
    pub fn start_anew(&mut self) {
        self.failure.clear();
        self.ladder = Ladder::default();
        self.retry_at = None;
    }

    /// Retries when that is due, and returns whether there was something to retry.
    pub fn retry_due(&mut self) -> bool {
        let has_failed = !self.failure.is_empty();
        if has_failed {
            self.forget_failure();
        }
        has_failed
    }

    /// Ends a stop because of a change, and returns whether there was one that it ends. A final
    /// decline or authentication that is needed, after which no retry is planned, would meet the
    /// same method again: only another one ends such a stop.
    pub fn end_stop(&mut self, change: Change) -> bool {
        let ends = !self.failure.is_empty()
            && (change == Change::MethodReplaced || self.retry_at.is_some());
        if ends {
            self.start_anew();
            self.version = self.version.saturating_add(1);
        }
        ends
    }

    /// Retries after a failure, on request. It uses up the next rung of the ladder. Where nothing
    /// has failed, nothing changes: a stop may have ended by itself a moment before.
    ///
    /// # Errors
    /// `RECHARGE_STATE` if there are no rules.
    pub fn retry(&mut self) -> Result<(), Refusal> {
        if self.failure.is_empty() {
            self.must_have_rules()?;
        }
        if !self.failure.is_empty() {
            self.forget_failure();
        }
        self.end_pause();
        Ok(())
    }

    fn forget_failure(&mut self) {
        self.failure.clear();
        self.retry_at = None;
        self.version = self.version.saturating_add(1);
    }
}

#[cfg(test)]
#[path = "recharge_tests.rs"]
mod tests;
