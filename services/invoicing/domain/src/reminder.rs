//! Reminders: steps by days before or after the due date, on a clock that counts unblocked days only
//! (docs/domain/invoicing.md#reminders).

use crate::invoice::{Invoice, InvoiceState};
use chrono::{Days, NaiveDate, TimeDelta};
use payterms_kernel::money::MoneyError;

/// How the reminders of an invoice stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reminders {
    /// Days for which a block has kept the clock.
    pub blocked_days: u32,
    /// Steps that are done, by their days from the due date.
    pub done: Vec<i16>,
    /// The day of the last reminder.
    pub last_on: Option<NaiveDate>,
    /// The day of a breach, from which steps are counted instead of the due date.
    pub from: Option<NaiveDate>,
}

impl Invoice {
    /// The day of a step by the clock of unblocked days.
    fn day_of(&self, step: i16) -> Option<NaiveDate> {
        let start = self.reminders.from.or(self.issue.as_ref().map(|issue| issue.due_date))?;
        let day = start.checked_add_signed(TimeDelta::days(step.into()))?;
        day.checked_add_days(Days::new(self.reminders.blocked_days.into()))
    }

    /// The day of the next reminder after the tenant's schedule; none while a block stands, and where
    /// nothing is open or left to say.
    #[must_use]
    pub fn next_reminder(&self, schedule: &[i16], today: NaiveDate) -> Option<NaiveDate> {
        if self.state != InvoiceState::Open || self.block.is_some() || self.top_up.is_some() {
            return None;
        }
        let issued = self.issue.as_ref()?.issue_date;
        let left = schedule.iter().filter(|step| !self.reminders.done.contains(step));
        // What would have been before the invoice was there, or before the breach, is not made up.
        let begun = |day: &NaiveDate| *day > issued && self.reminders.from.is_none_or(|from| *day >= from);
        let next = left.filter_map(|step| self.day_of(*step)).filter(begun).min()?;
        // At most one a day, and none for a day that is over.
        let free = if self.reminders.last_on == Some(today) { today.succ_opt()? } else { today };
        Some(self.no_consequence_before.map_or(next, |day| next.max(day)).max(free))
    }

    /// The day of a reminder has come: true where it is to be sent. Steps that were missed are done with
    /// it. While a payment under way has reserved all, it waits.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn remind(&mut self, schedule: &[i16], today: NaiveDate) -> Result<bool, MoneyError> {
        if self.next_reminder(schedule, today).is_none_or(|day| day > today) {
            return Ok(false);
        }
        let passed: Vec<_> = schedule.iter().copied().filter(|step| self.day_of(*step).is_some_and(|day| day <= today)).collect();
        if !self.payable()?.is_positive() {
            return Ok(false);
        }
        self.reminders.last_on = Some(today);
        for step in passed {
            if !self.reminders.done.contains(&step) {
                self.reminders.done.push(step);
            }
        }
        Ok(true)
    }

    /// A plan was breached: reminders start again from that day.
    pub(crate) fn reminders_restart(&mut self, day: NaiveDate) {
        self.reminders = Reminders { from: Some(day), last_on: self.reminders.last_on, ..Reminders::default() };
    }

    /// A block has stood from one day to another: the clock stood still.
    pub(crate) fn reminders_resume(&mut self, since: NaiveDate, today: NaiveDate) {
        let days = u32::try_from((today - since).num_days()).unwrap_or_default();
        self.reminders.blocked_days = self.reminders.blocked_days.saturating_add(days);
    }
}

#[cfg(test)]
mod tests {
    use super::Reminders;
    use crate::payment::tests::invoices;
    use chrono::NaiveDate;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn each_step_comes_once_one_a_day_and_missed_ones_are_not_made_up() {
        // Due on 2 January 2026.
        let mut own = invoices(&[10_000]).remove(0);
        let schedule = [-3, 1, 7];
        let first = day("2026-01-01");
        assert_eq!(own.next_reminder(&schedule, first), Some(day("2026-01-03")), "it was issued on the first: no step before that");
        assert_eq!(own.remind(&[0, 1, 7], day("2026-01-01")), Ok(false));
        assert_eq!(own.remind(&[0, 1, 7], day("2026-01-02")), Ok(true));
        assert_eq!(own.remind(&[0, 1, 7], day("2026-01-02")), Ok(false));
        assert_eq!(own.next_reminder(&[0, 1, 7], day("2026-01-02")), Some(day("2026-01-03")));
        assert_eq!(own.remind(&schedule, day("2026-02-01")), Ok(true), "both are late: one is sent");
        assert_eq!(own.reminders, Reminders { done: vec![0, -3, 1, 7], last_on: Some(day("2026-02-01")), ..Reminders::default() });
        assert_eq!(own.next_reminder(&schedule, day("2026-02-02")), None);
    }

    #[test]
    fn blocked_days_do_not_count() {
        let mut own = invoices(&[10_000]).remove(0);
        assert_eq!(own.next_reminder(&[7], day("2026-01-02")), Some(day("2026-01-09")));
        own.reminders_resume(day("2026-01-05"), day("2026-01-25"));
        assert_eq!(own.next_reminder(&[7], day("2026-01-25")), Some(day("2026-01-29")), "it resumes where it stood: four days are left");
    }

    #[test]
    fn after_a_breach_they_start_again_from_its_day() {
        let mut own = invoices(&[10_000]).remove(0);
        assert_eq!(own.remind(&[1], day("2026-01-03")), Ok(true));
        own.reminders_restart(day("2026-02-10"));
        assert_eq!(own.next_reminder(&[-3, 0, 1], day("2026-02-10")), Some(day("2026-02-10")), "what lay before it is not made up");
        assert_eq!(own.remind(&[-3, 0, 1], day("2026-02-10")), Ok(true));
        assert_eq!(own.next_reminder(&[-3, 0, 1], day("2026-02-10")), Some(day("2026-02-11")));
    }
}
