//! Reminders: steps by days before or after the due date, on a clock that from the due date on
//! counts unblocked days only (docs/domain/invoicing.md#reminder-clock).

use crate::invoice::{Invoice, InvoiceState};
use chrono::{Days, NaiveDate, TimeDelta};
use payterms_kernel::money::MoneyError;

/// How the reminders of an invoice stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reminders {
    /// Days for which a block has kept the clock, from the day from which steps are counted.
    pub blocked_days: u32,
    /// Steps that are done, by their days from the due date.
    pub done: Vec<i16>,
    /// The day of the last reminder.
    pub last_on: Option<NaiveDate>,
    /// The day of a breach, from which steps are counted instead of the due date.
    pub from: Option<NaiveDate>,
    /// Since when nothing of it is open; none while something is.
    pub closed_on: Option<NaiveDate>,
}

impl Invoice {
    /// The day from which steps are counted: the due date, or that of a breach.
    fn counted_from(&self) -> Option<NaiveDate> {
        self.reminders.from.or(self.issue.as_ref().map(|issue| issue.due_date))
    }

    /// The day of a step by the clock.
    fn day_of(&self, step: i16) -> Option<NaiveDate> {
        let day = self.counted_from()?.checked_add_signed(TimeDelta::days(step.into()))?;
        day.checked_add_days(Days::new(self.reminders.blocked_days.into()))
    }

    /// The day of the next reminder after the tenant's schedule; none while a block stands, and
    /// where nothing is open or left to say.
    #[must_use]
    pub fn next_reminder(&self, schedule: &[i16], today: NaiveDate) -> Option<NaiveDate> {
        if self.state != InvoiceState::Open || self.block.is_some() || self.top_up.is_some() {
            return None;
        }
        let issued = self.issue.as_ref()?.issue_date;
        // A step before the due date says nothing after it.
        let is_over = |step: i16| step < 0 && self.counted_from().is_some_and(|due| today > due);
        let left =
            schedule.iter().filter(|step| !self.reminders.done.contains(step) && !is_over(**step));
        // What would have been before the invoice was there, or before the breach, is not made up.
        let begun =
            |day: &NaiveDate| *day > issued && self.reminders.from.is_none_or(|from| *day >= from);
        let next = left.filter_map(|step| self.day_of(*step)).filter(begun).min()?;
        // At most one a day, and none for a day that is over.
        let free = if self.reminders.last_on == Some(today) { today.succ_opt()? } else { today };
        Some(self.no_consequence_before.map_or(next, |day| next.max(day)).max(free))
    }

    /// The day of a reminder has come: true where it is to be sent. Steps that were missed are done
    /// with it. While a payment under way has reserved all, it waits.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn remind(&mut self, schedule: &[i16], today: NaiveDate) -> Result<bool, MoneyError> {
        if self.next_reminder(schedule, today).is_none_or(|day| day > today) {
            return Ok(false);
        }
        let passed: Vec<_> = schedule
            .iter()
            .copied()
            .filter(|step| self.day_of(*step).is_some_and(|day| day <= today))
            .collect();
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
        self.reminders =
            Reminders { from: Some(day), last_on: self.reminders.last_on, ..Reminders::default() };
    }

    /// A block has stood from one day to another: the clock stood still, but for the days before
    /// the due date, and for those on which nothing was open: they are counted once the invoice is
    /// open again.
    pub(crate) fn reminders_resume(&mut self, since: NaiveDate, today: NaiveDate) {
        self.clock_stood(since, self.reminders.closed_on.map_or(today, |closed| closed.min(today)));
    }

    fn clock_stood(&mut self, since: NaiveDate, until: NaiveDate) {
        let from = self.counted_from().map_or(since, |start| start.max(since));
        let days = u32::try_from((until - from).num_days()).unwrap_or_default();
        self.reminders.blocked_days = self.reminders.blocked_days.saturating_add(days);
    }

    /// The invoice with its clock kept to a day: it stands still while nothing is open. `None`
    /// where nothing of that changes.
    #[must_use]
    pub fn with_clock(&self, today: NaiveDate) -> Option<Self> {
        let closed = !matches!(self.state, InvoiceState::Draft | InvoiceState::Open);
        let mut invoice = match (closed, self.reminders.closed_on) {
            (true, None) | (false, Some(_)) => self.clone(),
            _ => return None,
        };
        match invoice.reminders.closed_on.take() {
            // What a block that still stands has kept is counted when that is lifted.
            Some(since) => invoice.clock_stood(
                since,
                self.block.as_ref().map_or(today, |block| block.since.min(today)),
            ),
            None => invoice.reminders.closed_on = Some(today),
        }
        Some(invoice)
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
        let mut invoice = invoices(&[10_000]).remove(0);
        let schedule = [-3, 1, 7];
        let first = day("2026-01-01");
        assert_eq!(
            invoice.next_reminder(&schedule, first),
            Some(day("2026-01-03")),
            "it was issued on the first: no step before that"
        );
        assert_eq!(invoice.remind(&[0, 1, 7], day("2026-01-01")), Ok(false));
        assert_eq!(invoice.remind(&[0, 1, 7], day("2026-01-02")), Ok(true));
        assert_eq!(invoice.remind(&[0, 1, 7], day("2026-01-02")), Ok(false));
        assert_eq!(invoice.next_reminder(&[0, 1, 7], day("2026-01-02")), Some(day("2026-01-03")));
        assert_eq!(
            invoice.remind(&schedule, day("2026-02-01")),
            Ok(true),
            "both are late: one is sent"
        );
        assert_eq!(
            invoice.reminders,
            Reminders {
                done: vec![0, -3, 1, 7],
                last_on: Some(day("2026-02-01")),
                ..Reminders::default()
            }
        );
        assert_eq!(invoice.next_reminder(&schedule, day("2026-02-02")), None);
    }

    #[test]
    fn blocked_days_do_not_count() {
        let mut invoice = invoices(&[10_000]).remove(0);
        assert_eq!(invoice.next_reminder(&[7], day("2026-01-02")), Some(day("2026-01-09")));
        invoice.reminders_resume(day("2026-01-05"), day("2026-01-25"));
        assert_eq!(
            invoice.next_reminder(&[7], day("2026-01-25")),
            Some(day("2026-01-29")),
            "it resumes where it stood: four days are left"
        );
    }

    #[test]
    fn a_block_that_began_before_the_due_date_keeps_the_clock_only_from_there() {
        // Due on 2 January: since when it was blocked, until when, the step, the day on which that
        // is told, and its day.
        for (since, until, step, asked, expected) in [
            ("2025-12-20", "2026-01-01", 3, "2026-01-01", Some("2026-01-05")),
            ("2025-12-20", "2026-01-19", 3, "2026-01-19", Some("2026-01-22")),
            ("2026-01-02", "2026-01-19", 3, "2026-01-19", Some("2026-01-22")),
            ("2026-01-04", "2026-01-19", 3, "2026-01-19", Some("2026-01-20")),
            ("2025-12-20", "2026-01-19", 0, "2026-01-19", Some("2026-01-19")),
            ("2025-12-20", "2026-01-19", -3, "2026-01-19", None),
        ] {
            let mut invoice = invoices(&[10_000]).remove(0);
            if let Some(issue) = &mut invoice.issue {
                issue.issue_date = day("2025-12-01");
            }
            invoice.reminders_resume(day(since), day(until));
            assert_eq!(
                invoice.next_reminder(&[step], day(asked)),
                expected.map(day),
                "blocked from {since} to {until}, step {step}"
            );
        }
        let mut invoice = invoices(&[10_000]).remove(0);
        if let Some(issue) = &mut invoice.issue {
            issue.issue_date = day("2025-12-01");
        }
        invoice.reminders_resume(day("2025-12-20"), day("2025-12-28"));
        assert_eq!(
            invoice.next_reminder(&[-3], day("2025-12-28")),
            Some(day("2025-12-30")),
            "the due date has not moved"
        );
    }

    /// Due on 2 January, step 7 days: days on which it was paid do not count, those on which it was
    /// blocked too only once.
    #[test]
    fn days_on_which_it_was_paid_do_not_count() {
        // Since when it was paid, since when it was blocked, when it was open again, when the block
        // was lifted, and the day of the step.
        for (paid, blocked, open, lifted, expected) in [
            ("2026-01-05", None, "2026-01-25", None, "2026-01-29"),
            ("2025-12-20", None, "2026-01-25", None, "2026-02-01"),
            ("2026-01-05", Some("2026-01-25"), "2026-01-25", Some("2026-02-05"), "2026-02-09"),
            ("2026-01-05", Some("2026-01-03"), "2026-01-25", Some("2026-01-15"), "2026-01-31"),
            ("2026-01-05", Some("2026-01-10"), "2026-01-25", Some("2026-01-15"), "2026-01-29"),
            ("2026-01-05", Some("2026-01-10"), "2026-01-25", Some("2026-02-05"), "2026-02-09"),
        ] {
            let mut invoice = invoices(&[10_000]).remove(0);
            invoice.state = crate::InvoiceState::Paid;
            invoice = invoice.with_clock(day(paid)).unwrap();
            assert!(invoice.with_clock(day(paid)).is_none(), "nothing changes");
            let block = |since: &str| crate::Block {
                reason: crate::BlockReason::Manual,
                owner: String::new(),
                since: day(since),
            };
            invoice.block = blocked.map(block);
            let lift = |invoice: &mut crate::Invoice| {
                invoice.lift_block("", day(lifted.unwrap()), chrono::DateTime::UNIX_EPOCH).unwrap();
            };
            if lifted.is_some_and(|lifted| day(lifted) <= day(open)) {
                lift(&mut invoice);
            }
            invoice.state = crate::InvoiceState::Open;
            invoice = invoice.with_clock(day(open)).unwrap();
            if invoice.block.is_some() {
                lift(&mut invoice);
            }
            let asked = day(lifted.unwrap_or(open)).max(day(open));
            assert_eq!(
                invoice.next_reminder(&[7], asked),
                Some(day(expected)),
                "paid {paid}, blocked {blocked:?}, open {open}"
            );
        }
    }

    /// The example of the law: due on 19 January, step 3 days. Since when it was paid, since when
    /// it was blocked, whether by a dispute that is lost on 5 February, when it is lifted, and the
    /// day of the step.
    #[test]
    fn the_example_of_the_law_is_what_happens() {
        for (paid, blocked, disputed, expected) in [
            (None, "2026-01-05", false, "2026-02-08"),
            (None, "2026-01-21", false, "2026-02-06"),
            (Some("2026-01-10"), "2026-01-21", true, "2026-02-08"),
            (Some("2026-01-21"), "2026-01-25", true, "2026-02-07"),
        ] {
            let mut invoice = invoices(&[10_000]).remove(0);
            if let Some(issue) = &mut invoice.issue {
                (issue.issue_date, issue.due_date) = (day("2026-01-01"), day("2026-01-19"));
            }
            let (now, lifted) = (chrono::DateTime::UNIX_EPOCH, day("2026-02-05"));
            if let Some(paid) = paid {
                invoice.state = crate::InvoiceState::Paid;
                invoice = invoice.with_clock(day(paid)).unwrap();
                invoice.state = crate::InvoiceState::Open;
            }
            let owner = if disputed { "disputes/1" } else { "" };
            invoice.block = Some(crate::Block {
                reason: crate::BlockReason::Disputed,
                owner: owner.to_owned(),
                since: day(blocked),
            });
            invoice = invoice.with_clock(day(blocked)).unwrap_or(invoice);
            if disputed {
                owner.clone_into(&mut invoice.disputed_by);
                invoice.dispute_ended(owner, None, lifted, now).unwrap();
                invoice.spare_until(day("2026-02-07"), now);
            } else {
                invoice.lift_block(owner, lifted, now).unwrap();
            }
            assert_eq!(
                invoice.next_reminder(&[3], lifted),
                Some(day(expected)),
                "paid {paid:?}, blocked {blocked}"
            );
        }
    }

    #[test]
    fn after_a_breach_they_start_again_from_its_day() {
        let mut invoice = invoices(&[10_000]).remove(0);
        assert_eq!(invoice.remind(&[1], day("2026-01-03")), Ok(true));
        invoice.reminders_restart(day("2026-02-10"));
        assert_eq!(
            invoice.next_reminder(&[-3, 0, 1], day("2026-02-10")),
            Some(day("2026-02-10")),
            "what lay before it is not made up"
        );
        assert_eq!(invoice.remind(&[-3, 0, 1], day("2026-02-10")), Ok(true));
        assert_eq!(invoice.next_reminder(&[-3, 0, 1], day("2026-02-10")), Some(day("2026-02-11")));
    }
}
