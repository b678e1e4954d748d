//! All statements of one account, each booking once: the crate of bank files says which are the
//! same.

use super::{Booking, BookingKind, Reference, ReferenceKind, Source, Statement};
use payterms_bank_files::{self as files, identity};
use std::collections::BTreeMap;

/// References that a booking gathers from several statements.
const MOST_REFERENCES: usize = 12;

/// A booking of an account, once, whatever number of statements hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedBooking {
    /// The booking, with the details of all statements that hold it.
    pub booking: Booking,
    /// Whether it may be the same as another one.
    pub suspected: bool,
}

fn claim(statement: &Statement) -> identity::Claim {
    let source = match statement.source {
        Source::File(format) => format,
        Source::Link => "LINK",
    };
    let (id, (from, to)) = (&statement.id, statement.covers);
    // Some banks give each statement one id: the period keeps their months apart.
    let fingerprint = if id.id.is_empty() {
        String::new()
    } else {
        format!("{}|{}|{}|{from}|{to}", id.id, id.sequence, id.page)
    };
    identity::Claim {
        source: source.to_owned(),
        fingerprint,
        covers: Some(statement.covers),
        whole: statement.whole,
    }
}

fn reference(this_reference: &Reference) -> files::Reference {
    let kind = match this_reference.kind {
        ReferenceKind::Servicer => files::ReferenceKind::AccountServicer,
        ReferenceKind::EndToEnd => files::ReferenceKind::EndToEnd,
        ReferenceKind::Transaction => files::ReferenceKind::Transaction,
        ReferenceKind::Cheque => files::ReferenceKind::Cheque,
        ReferenceKind::Bank => files::ReferenceKind::Bank,
    };
    files::Reference { kind, value: this_reference.value.clone() }
}

fn compared(booking: &Booking) -> identity::Booking {
    identity::Booking {
        day: booking.day,
        amount: booking.amount,
        party: booking.party.clone(),
        text: booking.text.clone(),
        references: booking.references.iter().map(reference).collect(),
    }
}

/// All statements of one account, each booking once.
pub(super) fn merge(statements: &[&Statement]) -> Vec<MergedBooking> {
    let mut ordered: Vec<&Statement> = statements.to_vec();
    // The order in which files arrive must not matter; statements that hold whole days say how many
    // there are.
    ordered.sort_by_key(|statement| (!statement.whole, *statement));
    // One that was sent twice says nothing new. Without a period or an id two equal parts may be
    // two payments.
    ordered.dedup_by(|statement, before| {
        statement == before && (statement.whole || !statement.id.id.is_empty())
    });
    let (mut known, mut kept) = (Vec::new(), BTreeMap::new());
    for statement in ordered {
        let bookings: Vec<_> = statement.bookings.iter().map(compared).collect();
        let verdicts = identity::merge(&mut known, &claim(statement), &bookings);
        for (booking, (verdict, at)) in statement.bookings.iter().zip(verdicts) {
            let suspected = matches!(verdict, identity::Verdict::Suspected(_));
            let merged_booking = kept
                .entry(at)
                .or_insert_with(|| MergedBooking { booking: booking.clone(), suspected });
            if verdict == identity::Verdict::Same {
                absorb(&mut merged_booking.booking, booking);
            }
        }
    }
    let mut kept: Vec<_> = kept.into_values().collect();
    kept.sort_by_key(|merged_booking| (merged_booking.booking.day, merged_booking.booking.amount));
    kept
}

/// Takes the details of the same booking in another statement over, where this one has none.
fn absorb(this_booking: &mut Booking, booking: &Booking) {
    if this_booking.party.is_empty() {
        this_booking.party.clone_from(&booking.party);
    }
    if this_booking.text.len() < booking.text.len() {
        this_booking.text.clone_from(&booking.text);
    }
    for reference in &booking.references {
        if this_booking.references.len() < MOST_REFERENCES
            && !this_booking.references.contains(reference)
        {
            this_booking.references.push(reference.clone());
        }
    }
    this_booking.returned = this_booking.returned.or(booking.returned);
    if this_booking.kind == BookingKind::Other {
        this_booking.kind = booking.kind;
    }
    if this_booking.parts.is_empty() {
        this_booking.parts.clone_from(&booking.parts);
    }
}
