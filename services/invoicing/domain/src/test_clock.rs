//! The march of a test clock: from due instant to due instant, each until all is quiet.

use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Reason, Refusal, Violation};

/// Rounds at one instant after which a clock is stuck.
pub const MOST_ROUNDS: i64 = 100;
/// How far one advance may go.
pub const MOST_DAYS: i64 = 3_660;

/// What a test clock is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockState {
    /// It stands still.
    Ready,
    /// It is on the way.
    Advancing,
    /// It cannot get on.
    Stuck,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    ClockState { Ready = "READY", Advancing = "ADVANCING", Stuck = "STUCK" }
}

/// The time of a sandbox tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestClock {
    /// What time it is.
    pub now: DateTime<Utc>,
    /// Where it goes.
    pub target: DateTime<Utc>,
    /// Seed of the tenant's ids.
    pub seed: Vec<u8>,
    /// What it is doing.
    pub state: ClockState,
    /// The run that advances it.
    pub run_id: String,
    /// Rounds made at this instant.
    pub round: i64,
    /// What does not get done.
    pub stuck_rows: Vec<String>,
}

impl TestClock {
    /// A clock that stands.
    #[must_use]
    pub fn standing(now: DateTime<Utc>, seed: Vec<u8>) -> Self {
        Self {
            now,
            target: now,
            seed,
            state: ClockState::Ready,
            run_id: String::new(),
            round: 0,
            stuck_rows: Vec::new(),
        }
    }

    /// Sets out for a target.
    ///
    /// # Errors
    /// `CLOCK_STATE` while advancing, `TIME_IN_PAST`, `TIME_OUT_OF_RANGE`.
    pub fn set_out(&mut self, target: DateTime<Utc>, run_id: String) -> Result<(), Refusal> {
        if self.state == ClockState::Advancing {
            return Err(Refusal::state(
                Reason::CLOCK_STATE,
                "The test clock",
                self.state.name(),
                &["GetTestClock"],
            ));
        }
        let wrong = |reason, description: &str| {
            Err(Refusal::invalid(vec![Violation {
                field: "target_time".into(),
                reason,
                description: description.into(),
            }]))
        };
        if target < self.now {
            return wrong(Reason::TIME_IN_PAST, "Name an instant not before the clock's now.");
        }
        if target > self.now + TimeDelta::days(MOST_DAYS) {
            return wrong(Reason::TIME_OUT_OF_RANGE, "Name an instant at most ten years ahead.");
        }
        *self = Self {
            target,
            run_id,
            state: ClockState::Advancing,
            round: 0,
            stuck_rows: Vec::new(),
            ..self.clone()
        };
        Ok(())
    }

    /// Takes in what a whole round over all services found; answers whether to go on.
    pub fn after_round(
        &mut self,
        moved: i64,
        next_due: Option<DateTime<Utc>>,
        stuck_rows: Vec<String>,
    ) -> bool {
        if moved > 0 {
            self.round = self.round.saturating_add(1);
            if self.round >= MOST_ROUNDS {
                self.state = ClockState::Stuck;
                self.stuck_rows = stuck_rows;
            }
        } else if self.now >= self.target {
            self.state = ClockState::Ready;
        } else {
            self.now = next_due.map_or(self.target, |next| next.clamp(self.now, self.target));
            self.round = 0;
        }
        self.state == ClockState::Advancing
    }
}

#[cfg(test)]
mod tests {
    use super::{ClockState, MOST_ROUNDS, TestClock};
    use chrono::{DateTime, TimeDelta, Utc};
    use payterms_kernel::Reason;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
    }

    #[test]
    fn it_stops_at_each_due_instant_and_then_at_the_target() {
        let mut clock = TestClock::standing(at(0), Vec::new());
        clock.set_out(at(10), "run".into()).unwrap();
        assert!(clock.after_round(0, Some(at(3)), vec![]));
        assert_eq!(clock.now, at(3));
        assert!(clock.after_round(2, Some(at(4)), vec![]), "something moved: another round here");
        assert_eq!(clock.now, at(3));
        assert!(clock.after_round(0, Some(at(40)), vec![]));
        assert_eq!(clock.now, at(10), "what is due after the target waits");
        assert!(!clock.after_round(0, Some(at(40)), vec![]));
        assert_eq!(clock.state, ClockState::Ready);
    }

    #[test]
    fn it_is_stuck_after_a_hundred_rounds_and_may_try_again() {
        let mut clock = TestClock::standing(at(0), Vec::new());
        clock.set_out(at(1), "run".into()).unwrap();
        let rounds = (1..=1_000)
            .find(|_| !clock.after_round(1, None, vec!["wallet: job/1".into()]))
            .unwrap();
        assert_eq!((rounds, clock.state), (MOST_ROUNDS, ClockState::Stuck));
        assert_eq!(clock.stuck_rows.len(), 1);
        assert!(clock.set_out(at(1), "again".into()).is_ok());
    }

    #[test]
    fn it_does_not_set_out_twice_backwards_or_too_far() {
        let mut clock = TestClock::standing(at(5), Vec::new());
        assert_eq!(clock.set_out(at(4), "run".into()).unwrap_err().reason, Reason::TIME_IN_PAST);
        assert_eq!(
            clock.set_out(at(24 * 3_700), "run".into()).unwrap_err().reason,
            Reason::TIME_OUT_OF_RANGE
        );
        clock.set_out(at(6), "run".into()).unwrap();
        assert_eq!(clock.set_out(at(7), "run".into()).unwrap_err().reason, Reason::CLOCK_STATE);
    }
}
