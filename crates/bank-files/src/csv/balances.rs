//! What the rows of a CSV file say of balances, and in which direction of time they stand.

use super::{Preset, date, number, plan::Plan, table::Row};
use crate::model::{Balance, Entry, Statement, Status};
use chrono::NaiveDate;
use payterms_kernel::Money;

/// The balances beside the entries of one statement.
#[derive(Debug, Default)]
pub(super) struct Balances {
    /// One for each entry: the balance after it where it is booked and states one.
    pub(super) of_rows: Vec<Option<Money>>,
    /// A row that states the balance before the first booking.
    pub(super) opening: Option<(NaiveDate, Money)>,
}

impl Balances {
    /// Puts the entries in the order of time and states the balances of their statement.
    ///
    /// The opening balance is never computed from the first row: a file may begin in the middle of
    /// a day, and a computed one would claim that the whole day is there.
    pub(super) fn finish(self, plan: &Plan, before: &[Row], statement: &mut Statement) {
        let mut pairs: Vec<(Entry, Option<Money>)> =
            std::mem::take(&mut statement.entries).into_iter().zip(self.of_rows).collect();
        if is_newest_first(&pairs) {
            pairs.reverse();
        }
        pairs.sort_by_key(|(entry, _)| entry.booked_on);
        statement.opening = self.opening.map(|(on, amount)| Balance { on, amount });
        let last = pairs.iter().rfind(|(entry, _)| entry.status == Status::Booked);
        statement.closing = last.and_then(|(entry, balance)| {
            Some(Balance { on: entry.booked_on, amount: (*balance)? })
        });
        statement.entries = pairs.into_iter().map(|(entry, _)| entry).collect();
        if plan.preset == Some(Preset::BankOfAmerica) {
            summary(plan, before, statement);
        }
        if let (None, Some(opening), Some(closing)) =
            (statement.period, statement.opening, statement.closing)
        {
            statement.period = (opening.on <= closing.on).then_some((opening.on, closing.on));
        }
    }
}

/// By its days; where they are all one, by its balances.
fn is_newest_first(pairs: &[(Entry, Option<Money>)]) -> bool {
    let (Some(first), Some(last)) = (pairs.first(), pairs.last()) else { return false };
    if first.0.booked_on != last.0.booked_on {
        return first.0.booked_on > last.0.booked_on;
    }
    let follows = |before: &(Entry, Option<Money>), after: &(Entry, Option<Money>)| {
        before
            .1
            .zip(after.1)
            .is_some_and(|(earlier, later)| earlier.plus(after.0.amount) == Ok(later))
    };
    let count = |newest_first: bool| {
        pairs.windows(2).filter(|pair| matches!(pair, [a, b] if if newest_first { follows(b, a) } else { follows(a, b) })).count()
    };
    count(true) > count(false)
}

/// The summary above the rows of Bank of America:
/// `Beginning balance as of 01/01/2026,,"20,000.00"`.
fn summary(plan: &Plan, before: &[Row], statement: &mut Statement) {
    let Some(currency) = statement.currency else { return };
    for row in before {
        let title = row.field(Some(0));
        let Some(day) = title.rsplit(' ').next().and_then(|day| date::read(day, plan.order)) else {
            continue;
        };
        let written = row.fields.iter().skip(1).rfind(|field| !field.trim().is_empty());
        let Some(amount) =
            written.and_then(|written| number::read(written, false, currency).ok().flatten())
        else {
            continue;
        };
        let balance = Balance { on: day, amount };
        let title = title.to_lowercase();
        if title.starts_with("beginning balance as of") && statement.opening.is_none() {
            statement.opening = Some(balance);
        } else if title.starts_with("ending balance as of") {
            statement.closing = Some(balance);
        }
    }
}
