//! Validation of instants, calendar dates and payment terms in requests.

use crate::wire::fields::Fields;
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use payterms_kernel::Reason;
use payterms_kernel::calendar::PaymentTerm;
use payterms_proto::{google::r#type as google, invoicing::v1::PaymentTerm as PaymentTermMessage};
use prost_types::Timestamp;

impl Fields {
    /// An instant of the years 1 to 9999, truncated to the microsecond, the precision of the
    /// databases.
    pub fn instant(&mut self, field: &str, time: Option<&Timestamp>) -> DateTime<Utc> {
        let Some(time) = time else {
            self.wrong(field, Reason::FIELD_REQUIRED, "Set an instant.");
            return DateTime::UNIX_EPOCH;
        };
        let nanos = u32::try_from(time.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
        let in_range = (-62_135_596_800..253_402_300_800).contains(&time.seconds);
        if let Some(instant) = nanos
            .filter(|_| in_range)
            .and_then(|nanos| DateTime::from_timestamp(time.seconds, nanos - nanos % 1_000))
        {
            instant
        } else {
            self.wrong(field, Reason::TIMESTAMP_INVALID, "Use an instant of the years 1 to 9999.");
            DateTime::UNIX_EPOCH
        }
    }

    /// An optional calendar date of the years 1 to 9999.
    pub fn optional_date(&mut self, field: &str, date: Option<&google::Date>) -> Option<NaiveDate> {
        let date = date?;
        let part = |number: i32| u32::try_from(number).unwrap_or_default();
        let day = NaiveDate::from_ymd_opt(date.year, part(date.month), part(date.day));
        let day = day.filter(|day| (1..=9_999).contains(&day.year()));
        if day.is_none() {
            self.wrong(
                field,
                Reason::DATE_INVALID,
                "Use a date of the calendar, in the years 1 to 9999.",
            );
        }
        day
    }

    /// An optional instant.
    pub fn optional_instant(
        &mut self,
        field: &str,
        time: Option<&Timestamp>,
    ) -> Option<DateTime<Utc>> {
        time.map(|time| self.instant(field, Some(time)))
    }

    /// A payment term.
    pub fn term(&mut self, field: &str, term: Option<&PaymentTermMessage>) -> PaymentTerm {
        use payterms_proto::invoicing::v1::payment_term::Kind;
        let Some(term) = term else {
            self.wrong(field, Reason::FIELD_REQUIRED, "Say when the invoice falls due.");
            return PaymentTerm::EndOfFollowingMonth;
        };
        let days = u16::try_from(self.number(&format!("{field}.days"), term.days, 0..=365))
            .unwrap_or_default();
        match self.choice::<Kind>(&format!("{field}.kind"), term.kind) {
            Some(Kind::NetDays) => PaymentTerm::NetDays(days),
            Some(Kind::NetDaysEndOfMonth) => PaymentTerm::NetDaysEndOfMonth(days),
            Some(Kind::EndOfMonthNetDays) => PaymentTerm::EndOfMonthNetDays(days),
            Some(Kind::EndOfFollowingMonth | Kind::Unspecified) | None => {
                if days != 0 {
                    self.wrong(
                        &format!("{field}.days"),
                        Reason::FIELD_OUT_OF_RANGE,
                        "Use 0: this term counts no days.",
                    );
                }
                PaymentTerm::EndOfFollowingMonth
            }
        }
    }
}
