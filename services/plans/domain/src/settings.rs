//! What a tenant lets its customers propose, and which proposals are answered automatically
//! (docs/domain/plans.md#settings).

use crate::schedule::Schedule;
use payterms_kernel::Money;

/// The kinds of schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// All on one date.
    SingleDeferral,
    /// Equal parts every seven days.
    Weekly,
    /// Equal parts every month.
    Monthly,
}

payterms_kernel::names! {
    /// The name of the kind, as it is stored.
    Kind { SingleDeferral = "SINGLE_DEFERRAL", Weekly = "WEEKLY", Monthly = "MONTHLY" }
}

impl Kind {
    /// The kind of a schedule.
    #[must_use]
    pub fn of(schedule: Schedule) -> Self {
        match schedule {
            Schedule::Deferral(_) => Self::SingleDeferral,
            Schedule::Weekly { .. } => Self::Weekly,
            Schedule::Monthly { .. } => Self::Monthly,
        }
    }
}

/// What a breach does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// All that is left is due at once.
    Accelerate,
    /// Each invoice is due on its own date again.
    End,
}

payterms_kernel::names! {
    /// The name, as it is stored.
    Consequence { Accelerate = "ACCELERATE", End = "END" }
}

/// Which proposals are approved automatically.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalBand {
    /// The largest total, for each currency. Proposals in other currencies are not approved
    /// automatically.
    pub amounts: Vec<Money>,
    /// The most instalments.
    pub max_instalments: u32,
    /// The most days from the proposal to the last date.
    pub max_days: u32,
}

/// Which proposals are refused automatically.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalBand {
    /// Totals above these amounts, one for each currency.
    pub amounts: Vec<Money>,
    /// Proposals of customers who breached a plan within this many days.
    pub days_after_breach: u32,
}

/// The settings of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanSettings {
    /// Whether customers may propose.
    pub allowed: bool,
    /// The kinds of schedule.
    pub kinds: Vec<Kind>,
    /// The most instalments.
    pub max_instalments: u32,
    /// The most days from the proposal to the last date.
    pub max_days: u32,
    /// The smallest instalment, for each currency.
    pub min_instalments: Vec<Money>,
    /// Days between the proposal and the first date.
    pub lead_days: u32,
    /// Days within which a proposal is answered.
    pub answer_days: u32,
    /// How many days an instalment may be late before the plan is breached.
    pub grace_days: u32,
    /// What a breach does.
    pub consequence: Consequence,
    /// How often an invoice may be proposed within [`PROPOSAL_DAYS`].
    pub max_proposals: u32,
    /// Which proposals are approved automatically.
    pub approval_band: Option<ApprovalBand>,
    /// Which proposals are refused automatically.
    pub refusal_band: Option<RefusalBand>,
    /// Grows with each change.
    pub version: i64,
}

/// The days over which proposals of an invoice are counted.
pub const PROPOSAL_DAYS: i64 = 90;

impl PlanSettings {
    /// The settings of a tenant that saved none: proposals are off.
    #[must_use]
    pub fn fresh() -> Self {
        Self {
            allowed: false,
            kinds: Kind::ALL.to_vec(),
            max_instalments: 12,
            max_days: 365,
            min_instalments: Vec::new(),
            lead_days: 3,
            answer_days: 14,
            grace_days: 5,
            consequence: Consequence::Accelerate,
            max_proposals: 2,
            approval_band: None,
            refusal_band: None,
            version: 0,
        }
    }

    /// The automatic answer to a proposal of `total` in `instalments` parts over `days` days, from
    /// a customer who last breached a plan `since_breach` days ago: `Some(true)` approves,
    /// `Some(false)` refuses, `None` leaves it to a person. If both bands apply, the proposal is
    /// refused.
    #[must_use]
    pub fn bands(
        &self,
        total: Money,
        instalments: u32,
        days: i64,
        since_breach: Option<i64>,
    ) -> Option<bool> {
        let bound = |amounts: &[Money]| {
            amounts.iter().copied().find(|amount| amount.currency() == total.currency())
        };
        if let Some(band) = &self.refusal_band {
            let breached = since_breach.is_some_and(|ago| ago < i64::from(band.days_after_breach));
            if breached || bound(&band.amounts).is_some_and(|most| total.micros() > most.micros()) {
                return Some(false);
            }
        }
        let band = self.approval_band.as_ref()?;
        let within = bound(&band.amounts).is_some_and(|most| total.micros() <= most.micros())
            && instalments <= band.max_instalments
            && days <= i64::from(band.max_days);
        within.then_some(true)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::{ApprovalBand, PlanSettings, RefusalBand};
    use payterms_kernel::{Currency, Money};

    #[test]
    fn no_goes_before_yes_and_a_currency_without_a_figure_is_for_a_person() {
        let money =
            |code: &str, units: &str| Money::parse(Currency::parse(code).unwrap(), units).unwrap();
        let settings = PlanSettings {
            approval_band: Some(ApprovalBand {
                amounts: vec![money("USD", "500")],
                max_instalments: 3,
                max_days: 100,
            }),
            refusal_band: Some(RefusalBand {
                amounts: vec![money("USD", "9000"), money("EUR", "9000")],
                days_after_breach: 30,
            }),
            ..PlanSettings::fresh()
        };
        let answer = |code, units, parts, days, breach| {
            settings.bands(money(code, units), parts, days, breach)
        };
        assert_eq!(answer("USD", "500", 3, 100, None), Some(true));
        assert_eq!(answer("USD", "500.01", 3, 100, None), None);
        assert_eq!(answer("USD", "500", 4, 100, None), None);
        assert_eq!(answer("USD", "500", 3, 101, None), None);
        assert_eq!(answer("EUR", "1", 1, 1, None), None);
        assert_eq!(answer("USD", "9000", 3, 100, None), None);
        assert_eq!(answer("USD", "9000.01", 3, 100, None), Some(false));
        assert_eq!(answer("USD", "1", 1, 1, Some(29)), Some(false));
        assert_eq!(answer("USD", "1", 1, 1, Some(30)), Some(true));
        assert_eq!(PlanSettings::fresh().bands(money("USD", "1"), 1, 1, None), None);
    }
}
