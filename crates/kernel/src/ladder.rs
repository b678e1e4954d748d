//! Retries of a charge that failed with nobody present (docs/domain/invoicing.md#retries): on days 1, 3, 5 and 7
//! after the first failure, five attempts in all; what cannot succeed is not tried again.

use chrono::{DateTime, TimeDelta, Utc};

/// Days after the first failure on which it is tried again.
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

/// The cardholder must authenticate: a person is needed, not another try.
pub const AUTHENTICATION_REQUIRED: &str = "authentication_required";

/// Failures so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ladder {
    /// Attempts that failed.
    pub attempts: u32,
    /// When the first one failed.
    pub first_failed_at: Option<DateTime<Utc>>,
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// It is tried again then.
    At(DateTime<Utc>),
    /// The reason is final.
    Hard,
    /// A person must act.
    Action,
    /// That was the last attempt.
    Over,
}

impl Ladder {
    /// Notes a failure, and answers what follows.
    pub fn failed(&mut self, reason: &str, now: DateTime<Utc>) -> Rung {
        self.attempts = self.attempts.saturating_add(1);
        let first = *self.first_failed_at.get_or_insert(now);
        if HARD.contains(&reason) {
            return Rung::Hard;
        }
        if reason == AUTHENTICATION_REQUIRED {
            return Rung::Action;
        }
        // A try by hand takes a rung. Where a rung's time has passed meanwhile, as under a block, its distance
        // from the one before is kept: nobody loses attempts by waiting.
        let rung = self.attempts.saturating_sub(1) as usize;
        let Some(days) = RETRY_DAYS.get(rung) else { return Rung::Over };
        let before = rung.checked_sub(1).and_then(|rung| RETRY_DAYS.get(rung)).copied().unwrap_or_default();
        let planned = first + TimeDelta::days(*days);
        Rung::At(if planned > now { planned } else { now + TimeDelta::days(days.saturating_sub(before)) })
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
        let rungs: Vec<_> = [0, 1, 3, 5, 7].map(|days| ladder.failed("card_declined", day(days))).to_vec();
        assert_eq!(rungs, [Rung::At(day(1)), Rung::At(day(3)), Rung::At(day(5)), Rung::At(day(7)), Rung::Over]);
        assert_eq!(ladder.attempts, 5);
    }

    #[test]
    fn a_try_by_hand_takes_the_next_rung() {
        let mut ladder = Ladder::default();
        assert_eq!(ladder.failed("card_declined", day(0)), Rung::At(day(1)));
        assert_eq!(ladder.failed("card_declined", day(0) + TimeDelta::hours(2)), Rung::At(day(3)));
        assert_eq!(ladder.failed("card_declined", day(4)), Rung::At(day(5)));
    }

    #[test]
    fn time_that_passed_under_a_block_takes_no_rung() {
        let mut ladder = Ladder::default();
        ladder.failed("card_declined", day(0));
        let rungs: Vec<_> = [10, 12, 14, 16].map(|days| ladder.failed("card_declined", day(days))).to_vec();
        assert_eq!(rungs, [Rung::At(day(12)), Rung::At(day(14)), Rung::At(day(16)), Rung::Over]);
    }

    #[test]
    fn final_reasons_and_people_are_not_tried_again() {
        assert_eq!(Ladder::default().failed("stolen_card", day(0)), Rung::Hard);
        assert_eq!(Ladder::default().failed(AUTHENTICATION_REQUIRED, day(0)), Rung::Action);
    }
}
