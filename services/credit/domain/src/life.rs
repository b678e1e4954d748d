//! How a line lives: what people do to it, and what follows from the day
//! (docs/domain/credit.md#lines).

use crate::{
    edges::{self, Verb},
    line::{Line, LineState, PendingTransition, Suspension, Taken},
    programme::Programme,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Actor, Kind, Money, Reason, Refusal};

impl Line {
    /// Refuses a verb that the state does not allow, or that comes while another is being done.
    ///
    /// # Errors
    /// `LINE_STATE`, `CONCURRENT_UPDATE`.
    pub fn must_lead(&self, verb: Verb, to: LineState) -> Result<(), Refusal> {
        if !edges::leads(self.state, verb, to) {
            return Err(Refusal::state(
                Reason::LINE_STATE,
                "The line",
                self.state.name(),
                &edges::allowed(self.state),
            ));
        }
        self.must_rest()
    }

    fn must_rest(&self) -> Result<(), Refusal> {
        match &self.pending_transition {
            None => Ok(()),
            Some(_) => Err(Refusal::new(
                Kind::Conflict,
                Reason::CONCURRENT_UPDATE,
                "Another change of the line is under way. Try again soon.",
            )),
        }
    }

    /// Begins a verb that changes the method in the wallet.
    ///
    /// # Errors
    /// `LINE_STATE`, `CONCURRENT_UPDATE`, `LINE_IN_USE` for a close while something is owed.
    pub fn begin(
        &mut self,
        verb: Verb,
        by: Actor,
        explanation: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.must_lead(verb, target(verb))?;
        if verb == Verb::Activate && self.expires_at <= now {
            return Err(Refusal::state(
                Reason::LINE_STATE,
                "The line",
                LineState::Expired.name(),
                &[],
            ));
        }
        if verb == Verb::Close && !self.exposure()?.is_zero() {
            let exposure = self.exposure()?;
            let message = format!(
                "{exposure} is owed or authorised on the line. Close it once that is zero; suspend it meanwhile."
            );
            return Err(Refusal::precondition(Reason::LINE_IN_USE, message)
                .with("exposure", exposure.amount()));
        }
        self.pending_transition =
            Some(PendingTransition { verb, by, explanation: explanation.to_owned() });
        self.moves = self.moves.saturating_add(1);
        self.touch(now);
        Ok(())
    }

    /// The wallet has done its part: the verb is done.
    pub fn moved(&mut self, now: DateTime<Utc>) {
        if let Some(PendingTransition { verb, by, explanation }) = self.pending_transition.take() {
            if verb == Verb::Close {
                self.suspensions.clear();
                self.before = None;
            }
            self.go(verb, target(verb), by, &explanation, now);
        }
    }

    /// The wallet refused: the line stays as it was.
    pub fn not_moved(&mut self, now: DateTime<Utc>) {
        self.pending_transition = None;
        self.touch(now);
    }

    /// The customer turns the offer down.
    ///
    /// # Errors
    /// `LINE_STATE`, `CONCURRENT_UPDATE`.
    pub fn decline(&mut self, by: Actor, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.must_lead(Verb::Decline, LineState::Declined)?;
        self.go(Verb::Decline, LineState::Declined, by, "", now);
        Ok(())
    }

    /// The tenant bars new draws; a second time changes only what was said.
    ///
    /// # Errors
    /// `LINE_STATE`, `CONCURRENT_UPDATE`.
    pub fn suspend(
        &mut self,
        by: Actor,
        explanation: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        if self.state == LineState::Suspended {
            self.must_rest()?;
        } else {
            self.must_lead(Verb::Suspend, LineState::Suspended)?;
        }
        self.add(Suspension::ByTenant, by, explanation, now);
        Ok(())
    }

    fn add(&mut self, reason: Suspension, by: Actor, explanation: &str, now: DateTime<Utc>) {
        if !self.suspensions.contains(&reason) {
            self.suspensions.push(reason);
        }
        if self.state == LineState::Suspended {
            self.note(Verb::Suspend.name(), Some(self.state), by, explanation, now);
        } else {
            self.before = Some(self.state);
            self.go(Verb::Suspend, LineState::Suspended, by, explanation, now);
        }
    }

    /// The tenant takes its own suspension back; what is past due still suspends.
    ///
    /// # Errors
    /// `LINE_STATE`, `CONCURRENT_UPDATE`.
    pub fn restore(
        &mut self,
        by: Actor,
        explanation: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.must_rest()?;
        if self.state != LineState::Suspended || !self.suspensions.contains(&Suspension::ByTenant) {
            let allowed: Vec<_> = edges::allowed(self.state)
                .into_iter()
                .filter(|text| *text != "RestoreLine")
                .collect();
            return Err(Refusal::state(
                Reason::LINE_STATE,
                "The line",
                self.state.name(),
                &allowed,
            ));
        }
        self.lift(Suspension::ByTenant, by, explanation, now);
        Ok(())
    }

    fn lift(&mut self, reason: Suspension, by: Actor, explanation: &str, now: DateTime<Utc>) {
        self.suspensions.retain(|suspension| *suspension != reason);
        if self.suspensions.is_empty() {
            let back = self.before.take().unwrap_or(LineState::Active);
            self.go(Verb::Restore, back, by, explanation, now);
        } else {
            self.note(Verb::Restore.name(), Some(self.state), by, explanation, now);
        }
    }

    /// What follows from the day: an offer expires, something past due suspends, and no more past
    /// due restores.
    pub fn evaluate(&mut self, today: NaiveDate, now: DateTime<Utc>) {
        if self.pending_transition.is_some() {
            return;
        }
        if self.state == LineState::Offered && self.expires_at <= now {
            self.go(Verb::Expire, LineState::Expired, Actor::suite(), "", now);
        }
        let late = self.next_due.is_some_and(|due| due < today);
        // A block brings no consequence, and undoes none.
        let paid = self.first_due.is_none_or(|due| due >= today);
        let known = self.suspensions.contains(&Suspension::PastDue);
        let can =
            matches!(self.state, LineState::Active | LineState::Inactive | LineState::Suspended);
        if late && !known && can {
            self.add(Suspension::PastDue, Actor::suite(), "", now);
        } else if paid && known && can {
            self.lift(Suspension::PastDue, Actor::suite(), "", now);
        }
    }

    /// When it is evaluated next: the instant at which an offer ends, or the day after the next due
    /// one.
    #[must_use]
    pub fn next_evaluation(&self) -> (Option<DateTime<Utc>>, Option<NaiveDate>) {
        match self.state {
            // It is evaluated again once the move is done.
            _ if self.pending_transition.is_some() => (None, None),
            LineState::Offered => (Some(self.expires_at), None),
            LineState::Active | LineState::Inactive | LineState::Suspended
                if !self.suspensions.contains(&Suspension::PastDue) =>
            {
                (None, self.next_due.and_then(|due| due.succ_opt()))
            }
            _ => (None, None),
        }
    }

    /// The tenant sets the limit; a cut carries its reasons.
    ///
    /// # Errors
    /// `LINE_STATE`, `CURRENCY_MISMATCH`, `LIMIT_ABOVE_CAP`, `LIMIT_REASONS_REQUIRED`.
    pub fn change_limit(
        &mut self,
        programme: &Programme,
        limit: Money,
        reasons: Vec<String>,
        by: Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        if !self.state.is_live() {
            return Err(Refusal::state(Reason::LINE_STATE, "The line", self.state.name(), &[]));
        }
        programme.must_allow(limit)?;
        if limit.compare(self.limit)?.is_lt() && reasons.is_empty() {
            let message =
                "A cut of the limit carries its principal reasons, in order. Name 1 to 4.";
            return Err(Refusal::precondition(Reason::LIMIT_REASONS_REQUIRED, message)
                .with("limit", self.limit.amount()));
        }
        let verb = if limit.compare(self.limit)?.is_lt() { "CUT_LIMIT" } else { "RAISE_LIMIT" };
        self.limit = limit;
        let said = reasons.join("; ");
        self.limit_reasons = reasons;
        self.note(verb, Some(self.state), by, &said, now);
        Ok(())
    }

    fn go(&mut self, verb: Verb, to: LineState, by: Actor, explanation: &str, now: DateTime<Utc>) {
        let from = self.state;
        self.state = to;
        self.note(verb.name(), Some(from), by, explanation, now);
    }

    pub(crate) fn note(
        &mut self,
        verb: &'static str,
        from: Option<LineState>,
        by: Actor,
        explanation: &str,
        now: DateTime<Utc>,
    ) {
        if !matches!(verb, "OFFER" | "CUT_LIMIT" | "RAISE_LIMIT") {
            explanation.clone_into(&mut self.explanation);
        }
        let (to, limit) = (self.state, self.limit);
        self.taken.push(Taken {
            verb: verb.to_owned(),
            from,
            to,
            by,
            limit,
            explanation: explanation.to_owned(),
            at: now,
        });
        self.touch(now);
    }
}

/// Where a verb that the wallet takes part in leads.
fn target(verb: Verb) -> LineState {
    match verb {
        Verb::Deactivate => LineState::Inactive,
        Verb::Close => LineState::Closed,
        _ => LineState::Active,
    }
}
