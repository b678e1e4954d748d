//! Parses and renders schedules.

use chrono::{NaiveDate, Weekday};
use payterms_chassis::{Fields, render::date};
use payterms_kernel::Reason;
use payterms_plans_domain::{Schedule, schedule::MOST_INSTALMENTS};
use payterms_proto::{google::r#type::DayOfWeek, plans::v1 as pb};

/// Parses a schedule. Each field that does not fit the kind is a violation.
pub(super) fn schedule(fields: &mut Fields, message: Option<&pb::Schedule>) -> Schedule {
    use pb::schedule::{Interval, Kind};
    let nothing = Schedule::Deferral(NaiveDate::MIN);
    let Some(message) = message else {
        fields.wrong("schedule", Reason::FIELD_REQUIRED, "Say when is paid.");
        return nothing;
    };
    let kind = fields.choice::<Kind>("schedule.kind", message.kind);
    let date = fields.optional_date("schedule.date", message.date.as_ref());
    let day = if message.day_of_week == 0 {
        None
    } else {
        fields.choice::<DayOfWeek>("schedule.day_of_week", message.day_of_week)
    };
    let mut wrong = |field: &str, description: &str| {
        fields.wrong(&format!("schedule.{field}"), Reason::SCHEDULE_INVALID, description);
    };
    if kind == Some(Kind::SingleDeferral) {
        if date.is_none() && message.date.is_none() {
            wrong("date", "Set the date of the deferral.");
        }
        if !matches!(message.instalment_count, 0 | 1) {
            wrong("instalment_count", "A deferral is one payment: leave the count out.");
        }
        if message.interval != 0 || message.day_of_month != 0 || message.day_of_week != 0 {
            wrong(
                "interval",
                "A deferral has a date alone: leave interval, day_of_month and day_of_week out.",
            );
        }
        return date.map_or(nothing, Schedule::Deferral);
    }
    let count = u32::try_from(message.instalment_count)
        .ok()
        .filter(|count| (2..=MOST_INSTALMENTS).contains(count));
    if count.is_none() {
        wrong("instalment_count", "Ask for 2 to 120 instalments.");
    }
    if message.date.is_some() {
        wrong("date", "Instalments begin on the next asked day: leave the date out.");
    }
    let monthly = message.interval == i32::from(Interval::Monthly);
    let day_of_month =
        u32::try_from(message.day_of_month).ok().filter(|day| (1..=31).contains(day));
    if monthly && day_of_month.is_none() {
        wrong("day_of_month", "Ask for a day from 1 to 31.");
    }
    if monthly && message.day_of_week != 0 {
        wrong("day_of_week", "Monthly instalments have a day of the month.");
    }
    if !monthly && message.day_of_month != 0 {
        wrong("day_of_month", "Weekly instalments have a day of the week.");
    }
    let interval = fields.choice::<Interval>("schedule.interval", message.interval);
    let count = count.unwrap_or(2);
    match interval {
        Some(Interval::Monthly) => Schedule::Monthly { count, day: day_of_month.unwrap_or(1) },
        _ => Schedule::Weekly { count, day: day.and_then(weekday) },
    }
}

fn weekday(day: DayOfWeek) -> Option<Weekday> {
    Some(match day {
        DayOfWeek::Monday => Weekday::Mon,
        DayOfWeek::Tuesday => Weekday::Tue,
        DayOfWeek::Wednesday => Weekday::Wed,
        DayOfWeek::Thursday => Weekday::Thu,
        DayOfWeek::Friday => Weekday::Fri,
        DayOfWeek::Saturday => Weekday::Sat,
        DayOfWeek::Sunday => Weekday::Sun,
        DayOfWeek::Unspecified => return None,
    })
}

/// Renders a schedule.
pub(super) fn render_schedule(schedule: Schedule) -> pb::Schedule {
    use pb::schedule::{Interval, Kind};
    let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    match schedule {
        Schedule::Deferral(day) => pb::Schedule {
            kind: Kind::SingleDeferral.into(),
            date: Some(date(day)),
            ..pb::Schedule::default()
        },
        Schedule::Weekly { count: parts, day } => pb::Schedule {
            kind: Kind::Instalments.into(),
            interval: Interval::Weekly.into(),
            instalment_count: count(parts),
            day_of_week: day.map_or(DayOfWeek::Unspecified, day_of_week).into(),
            ..pb::Schedule::default()
        },
        Schedule::Monthly { count: parts, day } => pb::Schedule {
            kind: Kind::Instalments.into(),
            interval: Interval::Monthly.into(),
            instalment_count: count(parts),
            day_of_month: count(day),
            ..pb::Schedule::default()
        },
    }
}

fn day_of_week(day: Weekday) -> DayOfWeek {
    match day {
        Weekday::Mon => DayOfWeek::Monday,
        Weekday::Tue => DayOfWeek::Tuesday,
        Weekday::Wed => DayOfWeek::Wednesday,
        Weekday::Thu => DayOfWeek::Thursday,
        Weekday::Fri => DayOfWeek::Friday,
        Weekday::Sat => DayOfWeek::Saturday,
        Weekday::Sun => DayOfWeek::Sunday,
    }
}
