//! Words in columns: whether a row is booked, in or out; and the columns that say so though no
//! mapping names them.

use super::{
    number,
    plan::{Columns, Plan},
    table::{Row, plain},
};
use crate::model::Status;
use payterms_kernel::{Currency, Money};

/// What a status says; a row that was called off is for information.
pub(super) fn status(word: &str) -> Option<Status> {
    match plain(word).as_str() {
        "booked" | "posted" | "completed" | "complete" | "settled" | "cleared" | "closed"
        | "success" | "successful" | "succeeded" | "book" | "executed" | "done" | "paid"
        | "umsatz gebucht" | "gebucht" | "verbucht" | "geboekt" | "comptabilisé" | "reconciled" => {
            Some(Status::Booked)
        }
        "pending" | "pdng" | "processing" | "in progress" | "authorized" | "authorised"
        | "uncleared" | "open" | "scheduled" | "created" | "umsatz vorgemerkt" | "vorgemerkt"
        | "hold" | "on hold" | "in behandeling" | "en attente" | "waiting" | "incoming" => {
            Some(Status::Pending)
        }
        "reverted" | "reversed" | "cancelled" | "canceled" | "declined" | "failed" | "rejected"
        | "void" | "voided" | "storniert" | "expired" | "refunded" | "charged back" | "deleted"
        | "blocked" | "info" | "returned" => Some(Status::Information),
        _ => None,
    }
}

/// Whether a called-off row had been under way before.
pub(super) fn is_reverted(word: &str) -> bool {
    matches!(
        plain(word).as_str(),
        "reverted" | "reversed" | "refunded" | "charged back" | "storniert" | "returned"
    )
}

/// Whether a word says that money came in.
pub(super) fn came_in(word: &str) -> Option<bool> {
    match plain(word).trim_end_matches('.') {
        "crdt" | "credit" | "c" | "cr" | "in" | "bij" | "haben" | "h" | "+" | "k" | "deposit"
        | "incoming" | "kredit" => Some(true),
        "dbit" | "debit" | "d" | "dr" | "out" | "af" | "soll" | "s" | "-" | "withdrawal"
        | "outgoing" => Some(false),
        _ => None,
    }
}

const CURRENCY: [&str; 11] = [
    "currency",
    "ccy",
    "curr",
    "curr.",
    "currency code",
    "iso currency",
    "waehrung",
    "valuta",
    "devise",
    "moneda",
    "divisa",
];
const STATUS: [&str; 8] = [
    "status",
    "state",
    "transaction status",
    "booking status",
    "posting status",
    "pending",
    "stato",
    "buchungsstatus",
];
const DIRECTION: [&str; 14] = [
    "debit/credit",
    "credit/debit",
    "dr/cr",
    "cr/dr",
    "d/c",
    "c/d",
    "af bij",
    "direction",
    "credit debit indicator",
    "debit credit indicator",
    "cdtdbtind",
    "soll/haben",
    "transaction type",
    "type",
];

/// Columns that change what a row means are used though the mapping does not name them: a row in
/// another currency, a pending one or one that went out would otherwise be read as something else
/// without a word.
pub(super) fn find_unnamed(plan: &Plan, header: &Row, rows: &[Row], columns: &mut Columns) {
    let candidates = |names: &[&str]| -> Vec<usize> {
        header
            .fields
            .iter()
            .enumerate()
            .filter(|(_, name)| names.contains(&plain(name).as_str()))
            .map(|(place, _)| place)
            .collect()
    };
    let words = |place: usize| {
        rows.iter().map(move |row| row.field(Some(place))).filter(|word| !word.is_empty())
    };
    if columns.currency.is_none() {
        let is_currency = |place: &usize| {
            words(*place).next().is_some()
                && words(*place).all(|word| Currency::parse(word).is_some())
        };
        columns.currency = candidates(&CURRENCY).into_iter().find(is_currency);
    }
    if columns.status.is_none() {
        let says = |place: &usize| {
            words(*place).any(|word| {
                status(word).is_some_and(|found| found != Status::Booked)
                    || is_yes(header, *place, word)
            })
        };
        columns.status = candidates(&STATUS).into_iter().find(says);
        columns.status_found = columns.status.is_some();
    }
    if let (None, Some(amount), Some(currency)) =
        (columns.direction, columns.amount, plan.default_currency.or(Currency::parse("USD")))
    {
        let unsigned = words(amount).all(|word| {
            !number::read(word, plan.decimal_comma, currency)
                .is_ok_and(|amount| amount.is_some_and(Money::is_negative))
        });
        let says = |place: &usize| {
            words(*place).any(|word| came_in(word) == Some(false))
                && words(*place).all(|word| came_in(word).is_some())
        };
        columns.direction = candidates(&DIRECTION).into_iter().filter(|_| unsigned).find(says);
    }
}

/// Which sign the credits and the debits have where two columns tell them: that of most.
pub(super) fn find_signs(plan: &Plan, rows: &[Row], columns: &mut Columns) {
    let Some(currency) = plan.default_currency.or(Currency::parse("USD")) else { return };
    let mostly_negative = |place: Option<usize>| {
        let amounts = rows.iter().filter_map(|row| {
            number::read(row.field(place), plan.decimal_comma, currency).ok().flatten()
        });
        let (below, above): (Vec<Money>, Vec<Money>) =
            amounts.filter(|amount| !amount.is_zero()).partition(|amount| amount.is_negative());
        below.len() > above.len()
    };
    // Only an export that is known to may write a minus at what came in; elsewhere it takes
    // something back.
    columns.credit_is_negative = plan.preset.is_some() && mostly_negative(columns.credit);
    columns.debit_is_negative = mostly_negative(columns.debit);
}

/// Whether a column that is called `Pending` says yes.
pub(super) fn is_yes(header: &Row, place: usize, word: &str) -> bool {
    plain(header.field(Some(place))) == "pending"
        && matches!(plain(word).as_str(), "yes" | "true" | "y" | "1" | "x")
}
