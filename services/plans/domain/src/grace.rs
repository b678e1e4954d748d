//! The days of grace of what is late, and the last day on which it can be paid before the plan is
//! breached (docs/domain/plans.md#life-of-a-plan).

use crate::plan::{Plan, PlanState};
use chrono::{Days, NaiveDate};
use payterms_kernel::money::MoneyError;

impl Plan {
    /// The last day of the grace period; `None` if the plan is not in it, or while that day is not
    /// known.
    #[must_use]
    pub fn grace_end(&self) -> Option<NaiveDate> {
        let last = self.last_day_of_grace(self.late_since?)?;
        Some(last).filter(|_| self.state == PlanState::InGrace && !self.is_disputed())
    }

    /// The last day of the grace of what is late from a day on: also the day of a reinstatement,
    /// and none that was promised is cut.
    fn last_day_of_grace(&self, late_from: NaiveDate) -> Option<NaiveDate> {
        let last = late_from.checked_add_days(Days::new(self.grace_days.into()))?.pred_opt()?;
        let promised = self.spared_until().and_then(|day| day.pred_opt());
        Some(last.max(self.reinstated_on.unwrap_or(last)).max(promised.unwrap_or(last)))
    }

    /// The last day on which the next instalment can be paid: where it is unpaid after it, the plan
    /// is breached. `None` where no instalment falls due, and while a charge that had paid it is
    /// disputed.
    #[must_use]
    pub fn breach_after(&self) -> Option<NaiveDate> {
        let (_, next) =
            self.next_instalment().filter(|_| self.state.is_running() && !self.is_disputed())?;
        let by_its_date = next.due_on.succ_opt()?;
        if self.state == PlanState::InGrace {
            return self.last_day_of_grace(self.late_since.unwrap_or(by_its_date).max(by_its_date));
        }
        // What is due since before it was reinstated, or before its customer knew that it is open
        // again, is late from that day on.
        let late_from = by_its_date
            .max(self.spared_until().unwrap_or(by_its_date))
            .max(self.reinstated_on.unwrap_or(by_its_date));
        self.last_day_of_grace(late_from)
    }

    /// Whether an attempt on a day comes before the plan is breached. On the first day on which
    /// anything follows from what is open again one is made before the breach.
    pub(crate) fn may_try_on(&self, day: NaiveDate) -> bool {
        self.breach_after().is_none_or(|last| day <= last.max(self.spared_until().unwrap_or(last)))
    }

    /// The last day of grace, if it is over and an instalment was missed by it. The function that
    /// disproves a breach is asked, so that no breach comes about that it would disprove at once.
    pub(crate) fn over_grace(&self, today: NaiveDate) -> Result<Option<NaiveDate>, MoneyError> {
        match self.grace_end().filter(|last| today > *last && !self.is_collecting()) {
            Some(last) if self.was_missed_by(last)? => Ok(Some(last)),
            _ => Ok(None),
        }
    }
}
