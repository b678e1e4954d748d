//! Conversions to and from common protobuf types: money, instants, dates, decimals.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use payterms_kernel::{Currency, Money, calendar::PaymentTerm};
use payterms_proto::{google::r#type as google, invoicing::v1 as invoicing};
use prost_types::Timestamp;
use rust_decimal::{Decimal, prelude::ToPrimitive};

/// An amount.
#[must_use]
pub fn money(money: Money) -> google::Money {
    let (units, fraction) = (money.amount().trunc(), money.amount().fract());
    google::Money {
        currency_code: money.currency().code().to_owned(),
        units: units.to_i64().unwrap_or_default(),
        nanos: fraction
            .checked_mul(Decimal::from(1_000_000_000))
            .and_then(|nanos| nanos.to_i32())
            .unwrap_or_default(),
    }
}

/// Parses an amount from another service; `None` if its currency does not exist.
#[must_use]
pub fn money_of(message: &google::Money) -> Option<Money> {
    let micros = message
        .units
        .checked_mul(1_000_000)?
        .checked_add(i64::from(message.nanos).checked_div(1_000)?)?;
    Some(Money::from_micros(Currency::parse(&message.currency_code)?, micros))
}

/// An instant.
#[must_use]
pub fn timestamp(instant: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: instant.timestamp(),
        nanos: i32::try_from(instant.timestamp_subsec_nanos()).unwrap_or_default(),
    }
}

/// A date.
#[must_use]
pub fn date(date: NaiveDate) -> google::Date {
    let part = |number: u32| i32::try_from(number).unwrap_or_default();
    google::Date { year: date.year(), month: part(date.month()), day: part(date.day()) }
}

/// Parses a date from another service; `None` if the calendar has no such date.
#[must_use]
pub fn date_of(message: &google::Date) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(
        message.year,
        u32::try_from(message.month).ok()?,
        u32::try_from(message.day).ok()?,
    )
}

/// Parses an instant from another service.
#[must_use]
pub fn instant_of(message: &Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(message.seconds, u32::try_from(message.nanos).ok()?)
}

/// A plain decimal.
#[must_use]
pub fn decimal(value: Decimal) -> google::Decimal {
    google::Decimal { value: value.normalize().to_string() }
}

/// A payment term.
#[must_use]
pub fn term(term: PaymentTerm) -> invoicing::PaymentTerm {
    use invoicing::payment_term::Kind;
    let (kind, days) = match term {
        PaymentTerm::NetDays(days) => (Kind::NetDays, days),
        PaymentTerm::NetDaysEndOfMonth(days) => (Kind::NetDaysEndOfMonth, days),
        PaymentTerm::EndOfMonthNetDays(days) => (Kind::EndOfMonthNetDays, days),
        PaymentTerm::EndOfFollowingMonth => (Kind::EndOfFollowingMonth, 0),
    };
    invoicing::PaymentTerm { kind: kind.into(), days: days.into() }
}
