//! Which bookings of several statements of one account are the same.
//!
//! The content of a booking is its day and its amount with the sign; account and currency are
//! given. Two bookings of one statement are always two. Across statements, for each content:
//! - where both statements hold every booking of the day, or are one statement sent twice, the
//!   larger count holds;
//! - else a reference that both have and that occurs once in each decides, then differing documents
//!   or parties; and what cannot be decided stays, marked as a suspected duplicate. Nothing is
//!   dropped that might be another payment.

mod booking;

pub use booking::{Booking, Claim, Seen, SeenReference};

use crate::{
    clean::is_placeholder,
    model::{Reference, ReferenceKind},
    names::{differ, key_words},
};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};

/// Bookings of the same content that one is compared with, so that a file of one repeated row stays
/// cheap.
const MOST_COMPARED: usize = 100;
/// References that a booking gathers from several statements.
const MOST_REFERENCES: usize = 12;
/// Statements that a booking remembers: one that is sent again is among the last.
const MOST_STATEMENTS: usize = 12;

/// What a booking is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// One that is not known.
    New,
    /// A known one.
    Same,
    /// One that may be the known one at this index.
    Suspected(usize),
}

/// A booking as it is compared.
struct Compared<'a> {
    at: usize,
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

/// A reference that can name one booking: mandates name many, and numbers within a statement begin
/// anew in each.
fn plain(reference: &Reference) -> Option<(ReferenceKind, String)> {
    let names = !matches!(
        reference.kind,
        ReferenceKind::Instruction | ReferenceKind::Mandate | ReferenceKind::EntryRef
    );
    let value: String = reference
        .value
        .chars()
        .filter(|letter| letter.is_alphanumeric())
        .collect::<String>()
        .to_uppercase();
    (names && !is_placeholder(&reference.value)).then_some((reference.kind, value))
}

/// Merges a statement into the stored bookings of its account. Returns, for each booking, the
/// verdict and its index among the stored bookings. Bookings that are new are added, also suspected
/// duplicates.
pub fn merge(known: &mut Vec<Seen>, claim: &Claim, bookings: &[Booking]) -> Vec<(Verdict, usize)> {
    let mut counts: BTreeMap<(ReferenceKind, String), usize> = BTreeMap::new();
    for reference in bookings.iter().flat_map(|booking| &booking.references).filter_map(plain) {
        let count = counts.entry(reference).or_default();
        *count = count.saturating_add(1);
    }
    let unique = counts
        .into_iter()
        .filter(|(_, count)| *count == 1)
        .map(|(reference, _)| reference)
        .collect();
    let mut contents: BTreeMap<(NaiveDate, i64), Vec<usize>> = BTreeMap::new();
    for (at, booking) in bookings.iter().enumerate() {
        contents.entry((booking.day, booking.amount)).or_default().push(at);
    }
    let mut free_of: BTreeMap<(NaiveDate, i64), Vec<usize>> = BTreeMap::new();
    for (at, entry) in known.iter().enumerate() {
        free_of.entry((entry.day, entry.amount)).or_default().push(at);
    }
    let mut merger =
        Merger { claim, unique, known, verdicts: vec![(Verdict::New, 0); bookings.len()] };
    for (content, numbers) in contents {
        let compared = numbers
            .into_iter()
            .filter_map(|at| bookings.get(at).map(|booking| Compared::new(at, booking)))
            .collect();
        merger.merge_content(free_of.remove(&content).unwrap_or_default(), compared);
    }
    merger.verdicts
}

impl<'a> Compared<'a> {
    fn new(at: usize, booking: &'a Booking) -> Self {
        let references = booking.references.iter().filter_map(plain).collect();
        Self { at, booking, party: key_words(&booking.party), references }
    }
}

/// A known booking of the content that is merged, while it is free to be one of the statement's.
struct Entry {
    at: usize,
    party: Vec<String>,
    /// Whether this statement and one that holds it both hold every booking of the day.
    whole: bool,
    /// Whether the larger count is right: the day is held wholly by both, or they are one
    /// statement.
    counted: bool,
}

struct Merger<'a> {
    claim: &'a Claim,
    /// References that occur once in the statement.
    unique: BTreeSet<(ReferenceKind, String)>,
    known: &'a mut Vec<Seen>,
    verdicts: Vec<(Verdict, usize)>,
}

impl Merger<'_> {
    fn merge_content(&mut self, known: Vec<usize>, bookings: Vec<Compared<'_>>) {
        let mut free: BTreeMap<usize, Entry> = BTreeMap::new();
        for at in known {
            let Some(entry) = self.known.get(at) else { continue };
            let whole = entry.whole && self.claim.holds(entry.day);
            let is_same_statement = !self.claim.fingerprint.is_empty()
                && entry.statements.contains(&self.claim.fingerprint);
            free.insert(
                at,
                Entry {
                    at,
                    party: key_words(&entry.party),
                    whole,
                    counted: whole || is_same_statement,
                },
            );
        }
        let rest = self.pair_by_reference(&mut free, bookings);
        let rest = self.pair_by_text(&mut free, rest);
        for compared in rest {
            match self.nearest(&free, &compared) {
                Some((at, true)) => {
                    free.remove(&at);
                    self.absorb(at, &compared);
                }
                Some((at, false)) => {
                    free.remove(&at);
                    self.add(&compared, Verdict::Suspected(at));
                }
                // Too many to compare with each: whether it is one of them stays open.
                None if free.len() > MOST_COMPARED => {
                    let at = free.keys().next().copied().unwrap_or_default();
                    self.add(&compared, Verdict::Suspected(at));
                }
                None => self.add(&compared, Verdict::New),
            }
        }
    }

    /// The entry that a booking may be, and whether the larger count decides that it is.
    fn nearest(
        &self,
        free: &BTreeMap<usize, Entry>,
        compared: &Compared<'_>,
    ) -> Option<(usize, bool)> {
        let mut contradicted = None;
        for entry in free.values().take(MOST_COMPARED) {
            match self.likeness(entry, compared) {
                // Both say that they hold the whole day, and yet hold different bookings: a person
                // looks at them.
                Likeness::Different if entry.whole => {
                    contradicted = contradicted.or(Some((entry.at, false)));
                }
                // Some banks give all their statements one id: another reference is another booking
                // all the same.
                Likeness::Different => {}
                Likeness::Same | Likeness::Undecided => return Some((entry.at, entry.counted)),
            }
        }
        contradicted
    }

    /// Pairs bookings with entries that have an equal reference; answers those without.
    fn pair_by_reference<'a>(
        &mut self,
        free: &mut BTreeMap<usize, Entry>,
        bookings: Vec<Compared<'a>>,
    ) -> Vec<Compared<'a>> {
        let mut by_reference: BTreeMap<(ReferenceKind, String), Vec<usize>> = BTreeMap::new();
        for at in free.keys().rev() {
            for reference in self.known.get(*at).iter().flat_map(|entry| &entry.references) {
                by_reference
                    .entry((reference.kind, reference.value.clone()))
                    .or_default()
                    .push(*at);
            }
        }
        let mut rest = Vec::new();
        for compared in bookings {
            let mut found = None;
            for reference in &compared.references {
                let Some(places) = by_reference.get_mut(reference) else { continue };
                while places.last().is_some_and(|at| !free.contains_key(at)) {
                    places.pop();
                }
                let is_it = |entry: &&Entry| match self.likeness(entry, &compared) {
                    Likeness::Same => true,
                    Likeness::Undecided => entry.counted,
                    Likeness::Different => false,
                };
                found = found.or(places
                    .last()
                    .and_then(|at| free.get(at))
                    .filter(is_it)
                    .map(|entry| entry.at));
            }
            match found {
                Some(at) => {
                    free.remove(&at);
                    self.absorb(at, &compared);
                }
                None => rest.push(compared),
            }
        }
        rest
    }

    /// Pairs bookings with entries of the same party and text where the larger count holds; answers
    /// the others.
    fn pair_by_text<'a>(
        &mut self,
        free: &mut BTreeMap<usize, Entry>,
        bookings: Vec<Compared<'a>>,
    ) -> Vec<Compared<'a>> {
        let mut by_text: BTreeMap<(Vec<String>, Vec<String>), Vec<usize>> = BTreeMap::new();
        for entry in free.values().rev().filter(|entry| entry.counted) {
            let text =
                self.known.get(entry.at).map(|known| key_words(&known.text)).unwrap_or_default();
            by_text.entry((entry.party.clone(), text)).or_default().push(entry.at);
        }
        let mut rest = Vec::new();
        for compared in bookings {
            let places =
                by_text.get_mut(&(compared.party.clone(), key_words(&compared.booking.text)));
            let alike = places.and_then(|places| Some((free.get(places.last()?)?, places)));
            match alike.filter(|(entry, _)| self.likeness(entry, &compared) != Likeness::Different)
            {
                Some((entry, places)) => {
                    let at = entry.at;
                    places.pop();
                    free.remove(&at);
                    self.absorb(at, &compared);
                }
                None => rest.push(compared),
            }
        }
        rest
    }

    /// What references and parties say of an entry and a booking of the same content.
    fn likeness(&self, entry: &Entry, compared: &Compared<'_>) -> Likeness {
        let (mut agrees, mut differs) = (false, false);
        let Some(known) = self.known.get(entry.at) else { return Likeness::Undecided };
        for reference in
            compared.references.iter().filter(|reference| self.unique.contains(*reference))
        {
            for same_kind in known.references.iter().filter(|other| other.kind == reference.0) {
                let Some(source) = &same_kind.unique_in else { continue };
                // Two formats may name one thing differently: only within one format does another
                // reference mean another booking, where the count decides otherwise.
                let is_comparable = *source == self.claim.source || !entry.counted;
                // One document may be paid twice on a day: a number that agrees says nothing.
                agrees |= same_kind.value == reference.1 && reference.0 != ReferenceKind::Document;
                differs |= same_kind.value != reference.1 && is_comparable;
            }
        }
        match (agrees, differs) {
            (true, false) => Likeness::Same,
            (false, true) => Likeness::Different,
            (false, false) if differ(&entry.party, &compared.party) => Likeness::Different,
            (true, true) | (false, false) => Likeness::Undecided,
        }
    }

    fn add(&mut self, compared: &Compared<'_>, verdict: Verdict) {
        let Booking { day, amount, party, text, .. } = compared.booking;
        let (party, text) = (party.clone(), text.clone());
        let entry = Seen {
            day: *day,
            amount: *amount,
            party,
            text,
            references: Vec::new(),
            statements: Vec::new(),
            whole: false,
        };
        self.known.push(entry);
        let at = self.known.len().saturating_sub(1);
        self.note(at, compared);
        self.set(compared, verdict, at);
    }

    /// Takes the details of the same booking in this statement over, where the known one has none.
    fn absorb(&mut self, at: usize, compared: &Compared<'_>) {
        self.note(at, compared);
        self.set(compared, Verdict::Same, at);
    }

    fn set(&mut self, compared: &Compared<'_>, verdict: Verdict, at: usize) {
        if let Some(place) = self.verdicts.get_mut(compared.at) {
            *place = (verdict, at);
        }
    }

    fn note(&mut self, at: usize, compared: &Compared<'_>) {
        let Some(entry) = self.known.get_mut(at) else { return };
        if entry.party.is_empty() {
            entry.party.clone_from(&compared.booking.party);
        }
        if entry.text.len() < compared.booking.text.len() {
            entry.text.clone_from(&compared.booking.text);
        }
        for reference in &compared.references {
            let unique_in = self.unique.contains(reference).then(|| self.claim.source.clone());
            let known = entry
                .references
                .iter_mut()
                .find(|known| known.kind == reference.0 && known.value == reference.1);
            if let Some(known) = known {
                known.unique_in = known.unique_in.take().or(unique_in);
            } else if entry.references.len() < MOST_REFERENCES {
                entry.references.push(SeenReference {
                    kind: reference.0,
                    value: reference.1.clone(),
                    unique_in,
                });
            }
        }
        entry.whole |= self.claim.holds(entry.day);
        let fingerprint = &self.claim.fingerprint;
        if !fingerprint.is_empty() && !entry.statements.contains(fingerprint) {
            if entry.statements.len() >= MOST_STATEMENTS {
                entry.statements.remove(0);
            }
            entry.statements.push(fingerprint.clone());
        }
    }
}
