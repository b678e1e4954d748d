//! One row of a CSV file as an entry.

use super::{
    Preset, date, meanings, number,
    plan::{Columns, Plan},
    table::{Row, plain},
    words,
};
use crate::{
    account,
    amount::{self, Fault},
    clean, codes,
    finding::{FindingKind, Place},
    model::{Entry, Kind, Reference, Returned, Status},
};
use chrono::NaiveDate;
use payterms_kernel::{Currency, Money};
use std::borrow::Cow;

/// What is the same for all rows of a file.
pub(super) struct Reader<'a> {
    pub(super) plan: &'a Plan,
    pub(super) columns: &'a Columns,
    pub(super) header: &'a Row,
    pub(super) today: NaiveDate,
}

/// What moved, and what the bank charged for it.
struct Moved {
    amount: Money,
    charges: Option<Money>,
}

impl Reader<'_> {
    /// Account and currency of a row.
    pub(super) fn account(&self, row: &Row) -> Result<(String, Currency), Fault> {
        let parts: Vec<&str> = self
            .columns
            .account
            .iter()
            .map(|place| row.field(Some(*place)).trim_start_matches('\''))
            .filter(|part| !part.is_empty())
            .collect();
        let stated = account::shown_account(&parts.join(" "));
        // Revolut names no account, but which of the holder's pots it is.
        let stated = if self.plan.preset == Some(Preset::Revolut) && plain(&stated) == "current" {
            String::new()
        } else {
            stated
        };
        let account = if stated.is_empty() {
            account::shown_account(&self.plan.default_account)
        } else {
            stated
        };
        let code = row.field(self.columns.currency).to_uppercase();
        let currency = match self.plan.default_currency {
            Some(expected) if code.is_empty() || code == expected.code() => expected,
            Some(expected) => {
                let found = amount::currency(&code)?;
                return Err((
                    FindingKind::OtherCurrency,
                    format!("It is in {found}, the account in {expected}."),
                ));
            }
            None => amount::currency(&code)?,
        };
        Ok((account, currency))
    }

    /// The balance after a row.
    pub(super) fn balance(&self, row: &Row, currency: Currency) -> Option<Money> {
        number::read(row.field(self.columns.balance), self.plan.decimal_comma, currency)
            .ok()
            .flatten()
    }

    /// The sentence of a row that states a balance or a total and no booking.
    pub(super) fn no_booking(&self, row: &Row) -> Option<String> {
        // Exports of several months that were put together.
        if row.fields == self.header.fields {
            return Some("The row is the header again.".to_owned());
        }
        let moved = [self.columns.amount, self.columns.credit, self.columns.debit];
        if moved.iter().any(|place| !row.field(*place).is_empty()) {
            return None;
        }
        let named = clean::clean(&row.fields.join(" "), 80);
        let says = ["balance", "saldo", "brought forward", "carried forward", "total"]
            .iter()
            .any(|word| plain(&named).contains(word));
        let dated = date::read(row.field(self.columns.date), self.plan.order).is_some();
        (says || !dated).then(|| format!("The row is no booking: {named}."))
    }

    /// The balance that such a row states before the first booking.
    pub(super) fn opening(&self, row: &Row, currency: Currency) -> Option<(NaiveDate, Money)> {
        let named = plain(&row.fields.join(" "));
        let opens = ["beginning", "opening", "brought forward", "anfangssaldo", "beginsaldo"]
            .iter()
            .any(|word| named.contains(word));
        let day = date::read(row.field(self.columns.date), self.plan.order).filter(|_| opens)?;
        Some((day, self.balance(row, currency)?))
    }

    /// The entry of a row.
    pub(super) fn entry(
        &self,
        row: &Row,
        currency: Currency,
        place: Place,
    ) -> Result<Entry, Fault> {
        let status = self.status(row);
        let booked_on = self.day(row, status)?;
        let Moved { amount, charges } = self.moved(row, currency)?;
        let came_in = amount.is_positive();
        let code = clean::clean(row.field(self.columns.code), 60);
        let texts: Vec<&str> =
            self.columns.text.iter().map(|place| row.field(Some(*place))).collect();
        let (kind, returned) = self.sense(&code, &texts, came_in);
        let parties = self.columns.party.iter().map(|place| row.field(Some(*place)));
        let written_party =
            parties.clone().find(|party| !clean::is_placeholder(party)).unwrap_or_default();
        let references: Vec<Reference> = self
            .columns
            .references
            .iter()
            .map(|(place, kind)| Reference {
                kind: *kind,
                value: clean::name(row.field(Some(*place))),
            })
            .filter(|reference| !clean::is_placeholder(&reference.value))
            .collect();
        let values = references.iter().map(|reference| Cow::from(reference.value.clone()));
        let texts = || texts.iter().map(|text| Cow::from(*text));
        let party_account = row.field(self.columns.party_account);
        Ok(Entry {
            place,
            status,
            booked_on,
            value_on: date::read(row.field(self.columns.value_date), self.plan.order),
            amount,
            reversal: words::is_reverted(row.field(self.columns.status)),
            returned,
            kind,
            code,
            party: clean::name(originator(written_party)),
            party_account: if clean::is_placeholder(party_account) {
                String::new()
            } else {
                account::shown_account(party_account)
            },
            text: clean::shown(texts().chain(parties.clone().map(Cow::from))),
            search: clean::search_texts(texts().chain(values).chain(parties.map(Cow::from))),
            references,
            named_amounts: Vec::new(),
            charges,
            part_of: None,
        })
    }

    fn status(&self, row: &Row) -> Status {
        let Some(place) = self.columns.status else { return Status::Booked };
        let word = row.field(Some(place));
        match words::status(word) {
            Some(status) => status,
            None if words::is_yes(self.header, place, word) => Status::Pending,
            // A preset's empty status is that of booked rows; a column that nobody named says only
            // what it is understood for.
            None if self.columns.status_found || word.is_empty() && self.plan.preset.is_some() => {
                Status::Booked
            }
            None => Status::Unstated,
        }
    }

    /// A sentence with the status as written.
    pub(super) fn status_sentence(&self, row: &Row, what: &str) -> String {
        let text = self
            .columns
            .text
            .iter()
            .chain(&self.columns.party)
            .map(|place| row.field(Some(*place)))
            .find(|text| !text.is_empty());
        format!(
            "Its status {:?} {what} ({}).",
            clean::clean(row.field(self.columns.status), 40),
            clean::clean(text.unwrap_or_default(), 80)
        )
    }

    fn day(&self, row: &Row, status: Status) -> Result<NaiveDate, Fault> {
        let is_open = matches!(status, Status::Pending | Status::Information);
        let written = row.field(self.columns.date);
        let written = if written.is_empty() && is_open {
            row.field(self.columns.other_date)
        } else {
            written
        };
        if written.is_empty() {
            return Err((FindingKind::NoDay, "It has no day of booking.".to_owned()));
        }
        let day = date::read(written, self.plan.order);
        let day = day.ok_or_else(|| {
            (
                FindingKind::BadDay,
                format!("{:?} is no day in the order that is expected.", clean::clean(written, 40)),
            )
        })?;
        if day > self.today && !is_open {
            return Err((
                FindingKind::FutureDay,
                format!("Its day of booking, {day}, is after today, {}.", self.today),
            ));
        }
        let (from, to) = self.plan.period;
        if from.is_some_and(|from| day < from) || to.is_some_and(|to| day > to) {
            return Err((
                FindingKind::OutsidePeriod,
                format!("Its day of booking, {day}, is outside the period that is stated."),
            ));
        }
        Ok(day)
    }

    fn moved(&self, row: &Row, currency: Currency) -> Result<Moved, Fault> {
        let number = |place: Option<usize>| {
            number::read(row.field(place), self.plan.decimal_comma, currency)
        };
        let charges = number(self.columns.charges)?.map(abs).filter(|charges| !charges.is_zero());
        let stated = if self.columns.amount.is_some() {
            self.by_amount(row, currency)?
        } else {
            self.two_columns(number(self.columns.credit)?, number(self.columns.debit)?)?
        };
        let amount =
            match (stated, charges.filter(|_| self.plan.charges_beside)) {
                (Some(amount), Some(charges)) => Some(amount.minus(charges).map_err(|_| {
                    (FindingKind::BadAmount, "Its amount is too large.".to_owned())
                })?),
                (stated, charges) => stated.or(charges.map(Money::negated)),
            };
        match amount {
            None => Err((FindingKind::NoAmount, "It has no amount.".to_owned())),
            Some(amount) if amount.is_zero() => Err((
                FindingKind::ZeroAmount,
                "Its amount is 0.00: nothing came in or went out.".to_owned(),
            )),
            Some(amount) => Ok(Moved { amount, charges }),
        }
    }

    /// What came in or went out by two columns. What went out has one sign throughout, with or
    /// without a minus; a sign that differs from the others is the bank's word for something else.
    fn two_columns(
        &self,
        credit: Option<Money>,
        debit: Option<Money>,
    ) -> Result<Option<Money>, Fault> {
        let some = |amount: Option<Money>| amount.filter(|amount| !amount.is_zero());
        let odd = |what: &str| {
            Err((
                FindingKind::BadAmount,
                format!("Its {what} has another sign than the others of its column."),
            ))
        };
        match (some(credit), some(debit)) {
            (Some(_), Some(_)) => {
                Err((FindingKind::BadAmount, "It has both a credit and a debit.".to_owned()))
            }
            (Some(came), None) if came.is_negative() != self.columns.credit_is_negative => {
                odd("credit")
            }
            (None, Some(went)) if went.is_negative() != self.columns.debit_is_negative => {
                odd("debit")
            }
            (Some(came), None) => Ok(Some(abs(came))),
            (None, Some(went)) => Ok(Some(abs(went).negated())),
            (None, None) => Ok(credit.or(debit)),
        }
    }

    /// The amount of one column, with the sign of a direction's column where there is one.
    fn by_amount(&self, row: &Row, currency: Currency) -> Result<Option<Money>, Fault> {
        let stated =
            number::read(row.field(self.columns.amount), self.plan.decimal_comma, currency)?;
        let (Some(amount), Some(place)) = (stated, self.columns.direction) else {
            return Ok(stated);
        };
        let word = row.field(Some(place));
        match words::came_in(word) {
            Some(true) if amount.is_negative() => Err((
                FindingKind::BadAmount,
                format!(
                    "Its amount is below zero, but {:?} says that it came in.",
                    clean::clean(word, 20)
                ),
            )),
            Some(true) => Ok(Some(amount)),
            Some(false) => Ok(Some(abs(amount).negated())),
            None => Err((
                FindingKind::NoSide,
                format!(
                    "{:?} says neither that it came in nor that it went out.",
                    clean::clean(word, 20)
                ),
            )),
        }
    }

    /// Its kind, and the payment that came back.
    fn sense(&self, code: &str, texts: &[&str], came_in: bool) -> (Kind, Option<Returned>) {
        let meaning = meanings::meaning(self.plan.preset, code, came_in);
        if self.plan.card && came_in {
            let pays = texts.iter().any(|text| {
                ["payment", "pymt", "autopay", "thank you"]
                    .iter()
                    .any(|word| plain(text).contains(word))
            });
            return (if pays { Kind::OwnTransfer } else { Kind::Refund }, None);
        }
        let by_text = texts.iter().find_map(|text| codes::ach_return_in(text));
        let returned = match by_text {
            Some(reason) => codes::Meaning { is_return: true, ..meaning }.returned(came_in, reason),
            None => meaning.returned(came_in, code),
        };
        (meaning.kind, returned)
    }
}

fn abs(amount: Money) -> Money {
    if amount.is_negative() { amount.negated() } else { amount }
}

/// Who it is in a description of an ACH payment: `ORIG CO NAME:Globex ORIG ID:…`.
fn originator(description: &str) -> &str {
    let Some((_, rest)) = description.split_once("ORIG CO NAME:") else { return description };
    rest.split(" ORIG ID").next().unwrap_or(rest).trim()
}
