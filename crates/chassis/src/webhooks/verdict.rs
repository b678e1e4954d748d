//! What follows on an attempt: the delivery is done, is tried again after a while, or is given up.

use chrono::TimeDelta;
use payterms_proto::common::peers::v1::webhook_failed;

/// Seconds between one attempt and the next: 71 hours and 35 minutes in all, which is not more than
/// three days.
const LADDER: [i64; 9] =
    [5, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 14 * 3_600, 20 * 3_600, 20 * 3_600];
/// By how many percent a pause may be shorter, so that what failed together is not tried again
/// together.
pub const MOST_JITTER: u32 = 10;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With a success, and its status.
    Delivered(u16),
    /// With 410: the endpoint is gone.
    Gone,
    /// With another status.
    HttpError(u16),
    /// With a redirection, which is never followed: it could lead inside.
    Redirected(u16),
    /// Without an answer in time.
    TimedOut,
    /// Without a connection, or it broke.
    Unreachable,
    /// Without a request: the address leads to where webhooks may not go.
    AddressRefused,
}

impl Outcome {
    /// One of each kind.
    pub const KINDS: [Self; 7] = [
        Self::Delivered(200),
        Self::Gone,
        Self::HttpError(500),
        Self::Redirected(308),
        Self::TimedOut,
        Self::Unreachable,
        Self::AddressRefused,
    ];

    /// The outcome that the status of an answer means.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Delivered(status),
            300..=399 => Self::Redirected(status),
            410 => Self::Gone,
            _ => Self::HttpError(status),
        }
    }

    /// Its name, as in rows, messages and labels of metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered(_) => "DELIVERED",
            Self::Gone => "GONE",
            Self::HttpError(_) => "HTTP_ERROR",
            Self::Redirected(_) => "REDIRECTED",
            Self::TimedOut => "TIMED_OUT",
            Self::Unreachable => "UNREACHABLE",
            Self::AddressRefused => "ADDRESS_REFUSED",
        }
    }

    /// The status of the answer; 0 where there was none.
    #[must_use]
    pub fn http_status(self) -> u16 {
        match self {
            Self::Delivered(status) | Self::HttpError(status) | Self::Redirected(status) => status,
            Self::Gone => 410,
            Self::TimedOut | Self::Unreachable | Self::AddressRefused => 0,
        }
    }

    /// The outcome as services report a failure.
    #[must_use]
    pub fn reported(self) -> webhook_failed::Outcome {
        match self {
            Self::Delivered(_) => webhook_failed::Outcome::Unspecified,
            Self::Gone => webhook_failed::Outcome::Gone,
            Self::HttpError(_) => webhook_failed::Outcome::HttpError,
            Self::Redirected(_) => webhook_failed::Outcome::Redirected,
            Self::TimedOut => webhook_failed::Outcome::TimedOut,
            Self::Unreachable => webhook_failed::Outcome::Unreachable,
            Self::AddressRefused => webhook_failed::Outcome::AddressRefused,
        }
    }
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is delivered.
    Done,
    /// It is tried again after this time.
    Retry(TimeDelta),
    /// It is not tried again by itself.
    GiveUp,
}

/// What follows on the attempt with this number, counted from 1. `jitter` is the percentage by
/// which the pause is shorter.
#[must_use]
pub fn after(outcome: Outcome, attempt: i64, jitter: u32) -> Verdict {
    let pause = usize::try_from(attempt)
        .ok()
        .and_then(|attempt| attempt.checked_sub(1))
        .and_then(|passed| LADDER.get(passed));
    match (outcome, pause) {
        (Outcome::Delivered(_), _) => Verdict::Done,
        (Outcome::Gone, _) | (_, None) => Verdict::GiveUp,
        (_, Some(seconds)) => {
            let kept = 100_i64.saturating_sub(i64::from(jitter.min(MOST_JITTER)));
            Verdict::Retry(TimeDelta::milliseconds(seconds.saturating_mul(10).saturating_mul(kept)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LADDER, MOST_JITTER, Outcome, Verdict, after};
    use chrono::TimeDelta;

    #[test]
    fn an_event_is_tried_for_three_days_at_most_with_growing_pauses() {
        let mut waited = TimeDelta::zero();
        let mut attempt = 1;
        while let Verdict::Retry(pause) = after(Outcome::TimedOut, attempt, 0) {
            waited += pause;
            attempt += 1;
        }
        assert_eq!(attempt, 10);
        assert!(waited > TimeDelta::days(2) && waited <= TimeDelta::days(3), "{waited}");
        assert!(LADDER.is_sorted());
        assert_eq!(after(Outcome::HttpError(500), 1, 0), Verdict::Retry(TimeDelta::seconds(5)));
        assert_eq!(
            after(Outcome::HttpError(500), 1, 100),
            Verdict::Retry(TimeDelta::milliseconds(50 * (100 - i64::from(MOST_JITTER))))
        );
    }

    #[test]
    fn a_success_is_done_and_what_is_gone_is_given_up_at_once() {
        for attempt in [-1, 0, 1, 5, 100] {
            assert_eq!(after(Outcome::of_status(204), attempt, 5), Verdict::Done);
            assert_eq!(after(Outcome::of_status(410), attempt, 5), Verdict::GiveUp);
        }
        for status in [100, 301, 308, 400, 401, 404, 429, 500, 503] {
            assert!(
                matches!(after(Outcome::of_status(status), 1, 0), Verdict::Retry(_)),
                "{status}"
            );
            assert_eq!(after(Outcome::of_status(status), 10, 0), Verdict::GiveUp, "{status}");
        }
    }
}
