//! Comparisons of what a payment provider lists with the ledger
//! (docs/domain/wallet.md#reconciliation).

use crate::provider_difference::RecordKind;
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Reason, Refusal, Violation};
use uuid::Uuid;

/// The longest period of one reconciliation.
pub const LONGEST_PERIOD: TimeDelta = TimeDelta::days(31);
/// How long after it was made something may be at the provider alone, while its flow is open here.
pub const UNDER_WAY: TimeDelta = TimeDelta::hours(1);

/// A period in real time; its end is no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its beginning.
    pub from: DateTime<Utc>,
    /// Its end.
    pub to: DateTime<Utc>,
}

impl Period {
    /// The period of a request; until now where it says no end.
    ///
    /// # Errors
    /// `TIME_OUT_OF_RANGE`.
    pub fn of(
        from: DateTime<Utc>,
        to: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        let wrong = |field: &str, description: &str| {
            Refusal::invalid(vec![Violation {
                field: field.to_owned(),
                reason: Reason::TIME_OUT_OF_RANGE,
                description: description.to_owned(),
            }])
        };
        let end = to.unwrap_or(now);
        if from >= end {
            return Err(wrong(
                "start_time",
                "Name an instant before the end of the period, and before now.",
            ));
        }
        if end > now {
            return Err(wrong(
                "end_time",
                "Name an instant that is over, or none for all until now.",
            ));
        }
        if end - from > LONGEST_PERIOD {
            return Err(wrong(
                "start_time",
                "Name an instant at most 31 days before the end of the period.",
            ));
        }
        Ok(Self { from, to: end })
    }

    /// The period of a night: what came after the last one, or after the account was connected,
    /// with an hour more for what was listed late. None while that is too short to be worth asking.
    #[must_use]
    pub fn of_night(last: DateTime<Utc>, now: DateTime<Utc>) -> Option<Self> {
        // A test clock was ahead of the provider's time when the account was connected.
        let last = if last > now { now - UNDER_WAY } else { last };
        let from = (last - UNDER_WAY).max(now - LONGEST_PERIOD);
        (now - last >= UNDER_WAY).then_some(Self { from, to: now })
    }
}

/// Where a reconciliation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReconciliationState {
    /// The provider is being asked.
    Running,
    /// Everything was compared.
    Completed,
    /// The tenant's key may not read what is to be compared.
    KeyRefused,
    /// More moved than is read at once.
    TooMany,
}

payterms_kernel::names! {
    /// The name of the state in columns.
    ReconciliationState { Running = "RUNNING", Completed = "COMPLETED", KeyRefused = "KEY_REFUSED", TooMany = "TOO_MANY" }
}

/// One comparison of a provider's list with the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderReconciliation {
    /// Its id.
    pub id: Uuid,
    /// The provider.
    pub provider: String,
    /// Where it is.
    pub state: ReconciliationState,
    /// What moved when.
    pub period: Period,
    /// Whether the suite began it by itself.
    pub nightly: bool,
    /// How many charges, refunds and disputes the provider lists.
    pub listed: Listed,
    /// How many differences were found.
    pub differences: i64,
    /// When it began, in real time.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// How much a provider lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Listed {
    /// Charges.
    pub charges: i64,
    /// Refunds.
    pub refunds: i64,
    /// Disputes.
    pub disputes: i64,
    /// Payouts whose transactions were read.
    pub payouts: i64,
}

impl Listed {
    /// Counts one more.
    pub fn count(&mut self, kind: RecordKind) {
        let counter = match kind {
            RecordKind::Charge => &mut self.charges,
            RecordKind::Refund => &mut self.refunds,
            RecordKind::Dispute => &mut self.disputes,
            RecordKind::Payout => &mut self.payouts,
        };
        *counter = counter.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::Period;
    use chrono::{DateTime, TimeDelta, Utc};
    use payterms_kernel::Reason;

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
    }

    #[test]
    fn a_period_is_over_and_not_too_long() {
        let now = at(10_000);
        assert_eq!(Period::of(at(9_999), None, now).unwrap(), Period { from: at(9_999), to: now });
        assert!(Period::of(at(10_000 - 31 * 24), Some(now), now).is_ok());
        for (from, to) in [
            (9_000, None),
            (10_000, None),
            (9_998, Some(9_998)),
            (9_998, Some(10_001)),
            (9_998, Some(9_000)),
        ] {
            assert_eq!(
                Period::of(at(from), to.map(at), now).unwrap_err().reason,
                Reason::TIME_OUT_OF_RANGE,
                "{from} {to:?}"
            );
        }
        assert_eq!(Period::of_night(at(9_976), now), Some(Period { from: at(9_975), to: now }));
        assert_eq!(Period::of_night(at(0), now).unwrap().from, now - TimeDelta::days(31));
        assert_eq!(
            Period::of_night(now - TimeDelta::minutes(59), now),
            None,
            "a test clock has passed a night in a moment"
        );
        assert_eq!(
            Period::of_night(now + TimeDelta::days(200), now),
            Some(Period { from: now - TimeDelta::hours(2), to: now }),
            "a test clock was ahead when the account was connected"
        );
    }
}
