//! Which bookings of a file are known already (docs/domain/invoicing.md#bank-lines).

use crate::bank_files::{Account, ReadBooking, ReadStatement, StoredBooking, Taken};
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use payterms_bank_files::identity::{Verdict, merge};
use payterms_invoicing_domain::{BankLine, bank::Shown};
use payterms_kernel::Id;
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};

/// Compares each statement with what is known of its account; the new bookings are known from then
/// on.
pub fn identify(
    statements: &[ReadStatement],
    known: &mut BTreeMap<Account, Vec<StoredBooking>>,
    secret: &str,
    now: DateTime<Utc>,
    make_id: &mut dyn FnMut() -> Id<BankLine>,
) -> Taken {
    let mut taken = Taken::default();
    let mut changed: BTreeSet<(Account, usize)> = BTreeSet::new();
    for read_statement in statements {
        let account =
            Account { key: read_statement.account_key.clone(), currency: read_statement.currency };
        let stored = known.entry(account.clone()).or_default();
        let (mut ids, mut bookings): (Vec<_>, Vec<_>) = std::mem::take(stored)
            .into_iter()
            .map(|stored_booking| (stored_booking.line, stored_booking.known))
            .unzip();
        let before = bookings.clone();
        let compared: Vec<_> =
            read_statement.bookings.iter().map(|booking| booking.compared.clone()).collect();
        let verdicts = merge(&mut bookings, &read_statement.claim, &compared);
        ids.resize_with(bookings.len(), &mut *make_id);
        for (booking, (verdict, at)) in read_statement.bookings.iter().zip(verdicts) {
            let Some(id) = ids.get(at).copied() else { continue };
            let suspected = match verdict {
                Verdict::Same => {
                    taken.duplicates.push((booking.place, id));
                    continue;
                }
                Verdict::Suspected(at) => ids.get(at).copied(),
                Verdict::New => None,
            };
            let lines = lines(booking, id, suspected, secret, now, make_id);
            // The parts of a batch after the first are no bookings of their own.
            taken
                .bookings
                .extend(lines.iter().skip(1).map(|line| StoredBooking::part(line.id, &line.shown)));
            for (line, read) in lines.iter().zip(&booking.lines) {
                if read.came_back.is_some_and(|came| came.is_named) {
                    taken.named_refunds.insert(line.id);
                }
            }
            taken.lines.extend(lines);
        }
        for (at, booking) in bookings.iter().enumerate() {
            if before.get(at) != Some(booking) {
                changed.insert((account.clone(), at));
            }
        }
        *stored = ids
            .into_iter()
            .zip(bookings)
            .map(|(line, known)| StoredBooking { line, known })
            .collect();
    }
    let of = |(account, at): &(Account, usize)| {
        known.get(account).and_then(|stored_bookings| stored_bookings.get(*at)).cloned()
    };
    taken.bookings.extend(changed.iter().filter_map(of));
    taken
}

fn lines(
    booking: &ReadBooking,
    first: Id<BankLine>,
    suspected: Option<Id<BankLine>>,
    secret: &str,
    now: DateTime<Utc>,
    make_id: &mut dyn FnMut() -> Id<BankLine>,
) -> Vec<BankLine> {
    let mut lines = Vec::with_capacity(booking.lines.len());
    for (at, read) in booking.lines.iter().enumerate() {
        let id = if at == 0 { first } else { make_id() };
        let payer_key = account_hmac(secret, &read.payer_account);
        let mut line = BankLine::new(id, Shown { payer_key, ..read.shown.clone() }, now);
        line.refund = read.came_back.map(|came| came.refund);
        if let Some(known) = suspected {
            line.suspect(known);
        }
        lines.push(line);
    }
    lines
}

/// An account as it is kept: nobody without the tenant's secret finds an account by it.
#[must_use]
pub fn account_hmac(secret: &str, account: &str) -> String {
    if account.is_empty() || secret.is_empty() {
        return String::new();
    }
    Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_or_else(
        |_| String::new(),
        |mut mac| {
            mac.update(account.as_bytes());
            hex::encode(mac.finalize().into_bytes())
        },
    )
}
