//! Earlier bookings, to find the one that a later booking undoes.

use super::{Item, days_between};
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// Account, amount and party.
type OfParty = (usize, i64, Vec<String>);
/// Day, place and party.
type Named = (NaiveDate, usize, Vec<String>);

/// Bookings that a later one may undo, by account, amount and party; the newest of them is found
/// first.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    by_party: BTreeMap<OfParty, Vec<(NaiveDate, usize)>>,
    parties: BTreeMap<(usize, i64), Vec<Named>>,
}

impl Earlier {
    /// Adds a booking, in the order of days.
    pub(super) fn add(&mut self, place: usize, item: &Item) {
        let party = item.party.clone();
        self.by_party
            .entry((item.account, item.amount, party.clone()))
            .or_default()
            .push((item.day, place));
        self.parties.entry((item.account, item.amount)).or_default().push((item.day, place, party));
    }

    /// Takes the newest booking of the opposite amount and of the same party, not older than so
    /// many days.
    pub(super) fn take_of_party(&mut self, item: &Item, days: i64) -> Option<usize> {
        let opposite = item.amount.checked_neg()?;
        let found = self.by_party.get_mut(&(item.account, opposite, item.party.clone()))?;
        let (day, place) = found.pop()?;
        (days_between(day, item.day) <= days).then_some(place)
    }

    /// The newest booking of the opposite amount and of the same party, where it is not older than
    /// so many days.
    pub(super) fn take_same_party(&mut self, item: &Item, days: i64) -> Option<usize> {
        let opposite = item.amount.checked_neg()?;
        let newest = self.by_party.get(&(item.account, opposite, item.party.clone()))?.last()?;
        if days_between(newest.0, item.day) > days {
            return None;
        }
        self.take(item, days)
    }

    /// The same, of any party where there is none of its own.
    pub(super) fn take(&mut self, item: &Item, days: i64) -> Option<usize> {
        let of_party = self.take_of_party(item, days);
        let opposite = item.amount.checked_neg()?;
        let all = self.parties.get_mut(&(item.account, opposite))?;
        if let Some(place) = of_party {
            if let Some(index) = all.iter().rposition(|(_, number, _)| *number == place) {
                all.remove(index);
            }
            return Some(place);
        }
        let (day, place, party) = all.pop()?;
        if let Some(same) = self.by_party.get_mut(&(item.account, opposite, party)) {
            same.retain(|(_, number)| *number != place);
        }
        (days_between(day, item.day) <= days).then_some(place)
    }
}
