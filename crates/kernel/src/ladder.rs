//! Retries of a charge that failed with nobody present (docs/domain/invoicing.md#retries): on days
//! 1, 3, 5 and 7 after the first failure, five attempts in all. A charge whose failure is final is
//! not retried.

use chrono::{DateTime, TimeDelta, Utc};

/// Days after the first failure on which the charge is retried.
pub const RETRY_DAYS: [i64; 4] = [1, 3, 5, 7];

/// Reasons for which the same charge will never succeed.
const HARD: [&str; 10] = [
    "stolen_card",
    "lost_card",
    "pickup_card",
    "fraudulent",
    "account_closed",
    "invalid_account",
    "card_not_supported",
    "no_such_card",
    "revocation_of_authorization",
    "do_not_try_again",
];

/// The reason with which a provider demands that the cardholder authenticates. A retry cannot
/// succeed without that person.
pub const AUTHENTICATION_REQUIRED: &str = "authentication_required";

/// The failed attempts of one charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ladder {
    /// Number of attempts that failed.
    pub attempts: u32,
    /// Instant of the first failure; the retry days count from it.
    pub first_failed_at: Option<DateTime<Utc>>,
    /// Whether the next attempt is the last one, however many failed before.
    pub next_is_last: bool,
}

/// The consequence of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// The charge is retried at this instant.
    At(DateTime<Utc>),
    /// The reason is final: no retry.
    Hard,
    /// A person must act before a retry can succeed.
    Action,
    /// All attempts are used up.
    Over,
}

impl Ladder {
    /// Whether all attempts are used up.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.attempts as usize > RETRY_DAYS.len()
    }

    /// Records a failed attempt and decides what follows.
    pub fn failed(&mut self, reason: &str, now: DateTime<Utc>) -> Rung {
        self.attempts = self.attempts.saturating_add(1);
        let first = *self.first_failed_at.get_or_insert(now);
        let was_last = std::mem::take(&mut self.next_is_last);
        if HARD.contains(&reason) {
            return Rung::Hard;
        }
        if reason == AUTHENTICATION_REQUIRED {
            return Rung::Action;
        }
        if was_last {
            return Rung::Over;
        }
        // A manual attempt counts as one of the five. If a planned day has already passed, as it
        // may under a block, the retry follows at the planned distance from the previous one:
        // waiting costs the customer no attempts.
        let rung = self.attempts.saturating_sub(1) as usize;
        let Some(days) = RETRY_DAYS.get(rung) else { return Rung::Over };
        let previous_days =
            rung.checked_sub(1).and_then(|rung| RETRY_DAYS.get(rung)).copied().unwrap_or_default();
        let planned = first + TimeDelta::days(*days);
        Rung::At(if planned > now {
            planned
        } else {
            now + TimeDelta::days(days.saturating_sub(previous_days))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{AUTHENTICATION_REQUIRED, Ladder, Rung};
    use chrono::{DateTime, TimeDelta, Utc};

    fn day(days: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(days)
    }

    #[test]
    fn five_attempts_on_days_0_1_3_5_7() {
        let mut ladder = Ladder::default();
        let rungs: Vec<_> =
            [0, 1, 3, 5, 7].map(|days| ladder.failed("card_declined", day(days))).to_vec();
        assert_eq!(
            rungs,
            [Rung::At(day(1)), Rung::At(day(3)), Rung::At(day(5)), Rung::At(day(7)), Rung::Over]
        );
        assert_eq!(ladder.attempts, 5);
    }

    #[test]
    fn a_manual_attempt_uses_up_the_next_rung() {
        let mut ladder = Ladder::default();
        assert_eq!(ladder.failed("card_declined", day(0)), Rung::At(day(1)));
        assert_eq!(ladder.failed("card_declined", day(0) + TimeDelta::hours(2)), Rung::At(day(3)));
        assert_eq!(ladder.failed("card_declined", day(4)), Rung::At(day(5)));
    }

    #[test]
    fn waiting_under_a_block_uses_up_no_rung() {
        let mut ladder = Ladder::default();
        ladder.failed("card_declined", day(0));
        let rungs: Vec<_> =
            [10, 12, 14, 16].map(|days| ladder.failed("card_declined", day(days))).to_vec();
        assert_eq!(rungs, [Rung::At(day(12)), Rung::At(day(14)), Rung::At(day(16)), Rung::Over]);
    }

    #[test]
    fn a_single_attempt_is_left_whatever_failed_before() {
        let mut ladder = Ladder::default();
        assert_eq!(ladder.failed("stolen_card", day(0)), Rung::Hard);
        ladder.next_is_last = true;
        assert_eq!((ladder.failed("card_declined", day(1)), ladder.attempts), (Rung::Over, 2));
        assert_eq!(
            ladder.failed("card_declined", day(2)),
            Rung::At(day(5)),
            "a person's retry goes on as before"
        );
    }

    #[test]
    fn final_reasons_and_required_actions_are_not_retried() {
        assert_eq!(Ladder::default().failed("stolen_card", day(0)), Rung::Hard);
        assert_eq!(Ladder::default().failed(AUTHENTICATION_REQUIRED, day(0)), Rung::Action);
    }
}
