//! The bookings of a statement, each with its lines: one, or one for each part of a batch.

use super::{Found, OUTGOING, REFERENCES, RETURNED, ReadBooking, ReadLine, texts};
use payterms_bank_files::{
    Entry, Place, Reference, ReferenceKind, Statement, Status, account_key, identity::Booking,
};
use payterms_invoicing_domain::bank::{Shown, numbers_in, refund_references_in};
use payterms_kernel::{Currency, Money};
use std::collections::BTreeMap;

/// Numbers of documents that a line names.
const MOST_NUMBERS: usize = 100;

/// The booked credits and those that the bank takes back: a batch once, with a line for each of its
/// parts.
pub(super) fn bookings(
    statement: &Statement,
    account: &str,
    key: &str,
    currency: Currency,
    found: &mut Found,
) -> Vec<ReadBooking> {
    let mut batches: BTreeMap<usize, usize> = BTreeMap::new();
    let mut bookings: Vec<ReadBooking> = Vec::new();
    for entry in statement
        .entries
        .iter()
        .filter(|entry| entry.status == Status::Booked && entry.amount.currency() == currency)
    {
        let whole = entry.part_of.as_ref().map_or(entry.amount, |batch| batch.entry_amount);
        let came_back = entry.reversal || entry.returned.is_some();
        let is_return = came_back && whole.is_negative() && entry.amount.is_negative();
        if came_back && !is_return {
            let code =
                entry.returned.as_ref().map_or("REVERSAL", |returned| returned.code.as_str());
            let message = format!(
                "A payment of yours came back ({code}): {} of {}.",
                entry.amount, entry.booked_on
            );
            found.note_return(entry, || whole_booking(entry, line(entry, account, key), whole));
            found.pass_over(entry, RETURNED, &message);
            continue;
        }
        if !is_return && (!whole.is_positive() || !entry.amount.is_positive()) {
            found.note_outgoing(entry);
            found.pass_over(
                entry,
                OUTGOING,
                &format!("{} of {} went out.", entry.amount, entry.booked_on),
            );
            continue;
        }
        let line = line(entry, account, key);
        let batch = entry.part_of.as_ref().and_then(|_| batches.get(&entry.place.entry).copied());
        if let Some(batch) = batch.and_then(|at| bookings.get_mut(at)) {
            if batch.compared.party != entry.party {
                batch.compared.party.clear();
            }
            batch.compared.references.retain(|reference| {
                reference.kind == ReferenceKind::Document || entry.references.contains(reference)
            });
            batch.compared.references.extend(documents(&line.shown));
            batch.lines.push(line);
            continue;
        }
        if entry.part_of.is_some() {
            batches.insert(entry.place.entry, bookings.len());
        }
        bookings.push(whole_booking(entry, line, whole));
    }
    bookings
}

/// A booking of which one line is known so far.
fn whole_booking(entry: &Entry, line: ReadLine, whole: Money) -> ReadBooking {
    let compared = Booking {
        day: entry.booked_on,
        amount: whole.micros(),
        party: entry.party.clone(),
        text: entry.text.clone(),
        references: entry.references.iter().cloned().chain(documents(&line.shown)).collect(),
    };
    ReadBooking { place: Place { part: 0, ..entry.place }, compared, lines: vec![line] }
}

/// The documents that a line names: a booking that names others is another one.
fn documents(shown: &Shown) -> impl Iterator<Item = Reference> {
    shown
        .numbers
        .iter()
        .map(|number| Reference { kind: ReferenceKind::Document, value: number.clone() })
}

fn line(entry: &Entry, account: &str, key: &str) -> ReadLine {
    let mut numbers: Vec<String> = Vec::new();
    for text in entry.search.iter().chain([&entry.text]) {
        let new: Vec<_> =
            numbers_in(text).into_iter().filter(|number| !numbers.contains(number)).collect();
        numbers.extend(new);
    }
    numbers.truncate(MOST_NUMBERS);
    let stated = entry
        .named_amounts
        .iter()
        .filter_map(|(number, amount)| Some((numbers_in(number).into_iter().next()?, *amount)));
    let shown = Shown {
        account: account.to_owned(),
        account_key: key.to_owned(),
        reference: REFERENCES
            .into_iter()
            .find_map(|kind| entry.reference(kind))
            .unwrap_or_default()
            .to_owned(),
        value_on: entry.value_on,
        payer: entry.party.clone(),
        text: entry.text.clone(),
        stated: stated
            .filter(|(_, amount)| amount.currency() == entry.amount.currency())
            .take(MOST_NUMBERS)
            .collect(),
        numbers,
        charges: entry.charges,
        parts_differ: entry
            .part_of
            .as_ref()
            .is_some_and(|batch| batch.difference.is_some() && !batch.by_charges),
        ..Shown::plain(entry.booked_on, entry.amount)
    };
    let refund_references = texts(entry).flat_map(refund_references_in).collect();
    ReadLine {
        shown,
        payer_account: account_key(&entry.party_account),
        refund_references,
        came_back: None,
    }
}
