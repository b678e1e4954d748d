//! Which bookings of several statements of one account are the same.
//!
//! The content of a booking is its day and its amount with the sign; account and currency are given. Two bookings of one
//! statement are always two. Across statements, for each content:
//! - where both statements hold every booking of the day, or are one statement sent twice, the larger count holds;
//! - else a reference that both have and that occurs once in each decides, then differing parties; and what cannot be
//!   decided stays, marked as a suspected duplicate. Nothing is dropped that might be another payment.

use super::{
    Booking, BookingKind, Reference, ReferenceKind, Statement,
    names::{differ, is_placeholder, key_words},
};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};

/// Bookings of the same content that one is compared with, so that a file of one repeated row stays cheap.
const MOST_COMPARED: usize = 100;
/// References that a booking gathers from several statements.
const MOST_REFERENCES: usize = 12;

/// A booking of an account, once, whatever number of statements hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The booking, with the details of all statements that hold it.
    pub booking: Booking,
    /// Whether it may be the same as another one.
    pub suspected: bool,
}

/// A statement, with what its references are worth.
struct Told<'a> {
    statement: &'a Statement,
    /// References that occur once in it.
    unique: BTreeSet<(ReferenceKind, String)>,
}

/// A booking that is kept, and by which statements.
struct Entry {
    booking: Booking,
    party: Vec<String>,
    references: Vec<(ReferenceKind, String)>,
    suspected: bool,
    held_by: Vec<usize>,
}

/// A booking of the statement that is merged, as it is compared.
struct Compared<'a> {
    booking: &'a Booking,
    party: Vec<String>,
    references: Vec<(ReferenceKind, String)>,
}

/// How two bookings of one content relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    Same,
    Different,
    Undecided,
}

fn plain(reference: &Reference) -> Option<(ReferenceKind, String)> {
    let value: String = reference.value.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_uppercase();
    (!is_placeholder(&reference.value)).then_some((reference.kind, value))
}

fn unique_references(statement: &Statement) -> BTreeSet<(ReferenceKind, String)> {
    let mut counts: BTreeMap<(ReferenceKind, String), usize> = BTreeMap::new();
    for reference in statement.bookings.iter().flat_map(|booking| &booking.references).filter_map(plain) {
        let count = counts.entry(reference).or_default();
        *count = count.saturating_add(1);
    }
    counts.into_iter().filter(|(_, count)| *count == 1).map(|(reference, _)| reference).collect()
}

/// Whether one statement was sent twice: the bank's id, sequence and page agree, and so does the period.
fn is_same_statement(one: &Statement, other: &Statement) -> bool {
    !one.id.id.is_empty() && one.id == other.id && one.covers == other.covers
}

fn holds_the_day(statement: &Statement, day: NaiveDate) -> bool {
    statement.whole && statement.covers.0 <= day && day <= statement.covers.1
}

/// All statements of one account, each booking once.
pub(super) fn merge(statements: &[&Statement]) -> Vec<Kept> {
    let mut ordered: Vec<&Statement> = statements.to_vec();
    // The order in which files arrive must not matter; statements that hold whole days say how many there are.
    ordered.sort_by_key(|own| (!own.whole, *own));
    // One that was sent twice says nothing new. Without a period or an id two equal parts may be two payments.
    ordered.dedup_by(|own, before| own == before && (own.whole || !own.id.id.is_empty()));
    let told: Vec<Told<'_>> = ordered.iter().map(|statement| Told { statement, unique: unique_references(statement) }).collect();
    let mut kept: BTreeMap<(NaiveDate, i64), Vec<Entry>> = BTreeMap::new();
    for (place, own) in told.iter().enumerate() {
        let mut contents: BTreeMap<(NaiveDate, i64), Vec<&Booking>> = BTreeMap::new();
        for booking in &own.statement.bookings {
            contents.entry((booking.day, booking.amount)).or_default().push(booking);
        }
        for (content, bookings) in contents {
            Merger { told: &told, place, day: content.0 }.merge(kept.entry(content).or_default(), bookings);
        }
    }
    kept.into_values().flatten().map(|entry| Kept { booking: entry.booking, suspected: entry.suspected }).collect()
}

/// Merges the bookings of one content of one statement into those that are kept.
struct Merger<'a> {
    told: &'a [Told<'a>],
    place: usize,
    day: NaiveDate,
}

impl Merger<'_> {
    fn merge(&self, known: &mut Vec<Entry>, bookings: Vec<&Booking>) {
        let compared = bookings.into_iter().map(|booking| Compared {
            booking,
            party: key_words(&booking.party),
            references: booking.references.iter().filter_map(plain).collect(),
        });
        if known.is_empty() {
            known.extend(compared.map(|own| self.entry(own, false)));
            return;
        }
        let mut free: BTreeSet<usize> = (0..known.len()).collect();
        let rest = self.pair_by_reference(known, &mut free, compared.collect());
        let rest = self.pair_by_text(known, &mut free, rest);
        let mut added = Vec::new();
        for own in rest {
            let Some((place, counted)) = self.nearest(known, &free, &own) else {
                added.push(self.entry(own, free.len() > MOST_COMPARED));
                continue;
            };
            free.remove(&place);
            match known.get_mut(place).filter(|_| counted) {
                Some(entry) => entry.absorb(&own, self.place),
                None => added.push(self.entry(own, true)),
            }
        }
        known.extend(added);
    }

    fn entry(&self, own: Compared<'_>, suspected: bool) -> Entry {
        let Compared { booking, party, references } = own;
        Entry { booking: booking.clone(), party, references, suspected, held_by: vec![self.place] }
    }

    /// The entry that a booking may be, and whether the larger count decides that it is.
    fn nearest(&self, known: &[Entry], free: &BTreeSet<usize>, own: &Compared<'_>) -> Option<(usize, bool)> {
        let mut contradicted = None;
        for place in free.iter().copied().take(MOST_COMPARED) {
            let Some(entry) = known.get(place) else { continue };
            match (self.likeness(entry, own), self.is_counted_with(entry)) {
                (Likeness::Different, false) => {}
                // Both say that they hold the whole day, and yet hold different bookings: a person looks at them.
                (Likeness::Different, true) => contradicted = contradicted.or(Some((place, false))),
                (Likeness::Same | Likeness::Undecided, counted) => return Some((place, counted)),
            }
        }
        contradicted
    }

    /// Whether the larger count of this statement and of one that holds the entry is right.
    fn is_counted_with(&self, entry: &Entry) -> bool {
        let Some(own) = self.told.get(self.place) else { return false };
        let mut others = entry.held_by.iter().filter_map(|place| self.told.get(*place));
        others.any(|other| {
            let both = holds_the_day(own.statement, self.day) && holds_the_day(other.statement, self.day);
            both || is_same_statement(own.statement, other.statement)
        })
    }

    /// Pairs bookings with entries that have an equal reference; answers those without.
    fn pair_by_reference<'a>(&self, known: &mut [Entry], free: &mut BTreeSet<usize>, bookings: Vec<Compared<'a>>) -> Vec<Compared<'a>> {
        let mut by_reference: BTreeMap<(ReferenceKind, String), Vec<usize>> = BTreeMap::new();
        for (place, entry) in known.iter().enumerate().rev() {
            for reference in &entry.references {
                by_reference.entry(reference.clone()).or_default().push(place);
            }
        }
        let mut rest = Vec::new();
        for own in bookings {
            let mut found = None;
            for reference in &own.references {
                let Some(places) = by_reference.get_mut(reference) else { continue };
                while places.last().is_some_and(|place| !free.contains(place)) {
                    places.pop();
                }
                let is_it = |entry: &Entry| match self.likeness(entry, &own) {
                    Likeness::Same => true,
                    Likeness::Undecided => self.is_counted_with(entry),
                    Likeness::Different => false,
                };
                found = found.or(places.last().copied().filter(|place| known.get(*place).is_some_and(is_it)));
            }
            match found.and_then(|place| Some((place, known.get_mut(place)?))) {
                Some((place, entry)) => {
                    free.remove(&place);
                    entry.absorb(&own, self.place);
                }
                None => rest.push(own),
            }
        }
        rest
    }

    /// Pairs bookings with entries of the same party and text where the larger count holds; answers the others.
    fn pair_by_text<'a>(&self, known: &mut [Entry], free: &mut BTreeSet<usize>, bookings: Vec<Compared<'a>>) -> Vec<Compared<'a>> {
        let mut by_text: BTreeMap<(Vec<String>, Vec<String>), Vec<usize>> = BTreeMap::new();
        for place in free.iter().rev() {
            let Some(entry) = known.get(*place).filter(|entry| self.is_counted_with(entry)) else { continue };
            by_text.entry((entry.party.clone(), key_words(&entry.booking.text))).or_default().push(*place);
        }
        let mut rest = Vec::new();
        for own in bookings {
            let places = by_text.get_mut(&(own.party.clone(), key_words(&own.booking.text)));
            let alike = places.and_then(|places| Some((*places.last()?, places)));
            match alike.and_then(|(place, places)| Some((place, places, known.get_mut(place)?))) {
                Some((place, places, entry)) if self.likeness(entry, &own) != Likeness::Different => {
                    entry.absorb(&own, self.place);
                    free.remove(&place);
                    places.pop();
                }
                _ => rest.push(own),
            }
        }
        rest
    }

    /// What references and parties say of an entry and a booking of the same content.
    fn likeness(&self, entry: &Entry, own: &Compared<'_>) -> Likeness {
        let (mut agrees, mut differs) = (false, false);
        let Some(statement) = self.told.get(self.place) else { return Likeness::Undecided };
        for reference in own.references.iter().filter(|reference| statement.unique.contains(*reference)) {
            for same_kind in entry.references.iter().filter(|other| other.0 == reference.0) {
                let mut holders = entry.held_by.iter().filter_map(|place| self.told.get(*place));
                let Some(other) = holders.find(|other| other.unique.contains(same_kind)) else { continue };
                // Two formats may name one thing differently: only within one format does another reference mean
                // another booking, where the count decides otherwise.
                let is_comparable = other.statement.source == statement.statement.source || !self.is_counted_with(entry);
                agrees |= same_kind.1 == reference.1;
                differs |= same_kind.1 != reference.1 && is_comparable;
            }
        }
        match (agrees, differs) {
            (true, false) => Likeness::Same,
            (false, true) => Likeness::Different,
            (false, false) if differ(&entry.party, &own.party) => Likeness::Different,
            (true, true) | (false, false) => Likeness::Undecided,
        }
    }
}

impl Entry {
    /// Takes the details of the same booking in another statement over, where this one has none.
    fn absorb(&mut self, told: &Compared<'_>, place: usize) {
        let booking = told.booking;
        self.held_by.push(place);
        let own = &mut self.booking;
        if own.party.is_empty() {
            own.party.clone_from(&booking.party);
            self.party.clone_from(&told.party);
        }
        if own.text.len() < booking.text.len() {
            own.text.clone_from(&booking.text);
        }
        for reference in &booking.references {
            if own.references.len() < MOST_REFERENCES && !own.references.contains(reference) {
                own.references.push(reference.clone());
                self.references.extend(plain(reference));
            }
        }
        own.returned = own.returned.or(booking.returned);
        if own.kind == BookingKind::Other {
            own.kind = booking.kind;
        }
        if own.parts.is_empty() {
            own.parts.clone_from(&booking.parts);
        }
    }
}
