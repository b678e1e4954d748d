//! Transfers between the applicant's accounts: opposite amounts in two of them within five days,
//! also in two parts, unless both parties are named third parties.

use super::{ApartRule, Counted, Item, days_between};
use chrono::{Days, NaiveDate};
use std::collections::{BTreeMap, BTreeSet};

/// Days between the two sides of a transfer, at most.
const TRANSFER_DAYS: u64 = 5;
/// Bookings that are looked at for the two parts of one transfer: beyond them parts are not looked
/// for.
const MOST_PARTS: usize = 300;

/// Third parties whose payments of one day and amount are tried.
const MOST_PARTIES: usize = 50;

/// Bookings of one side by day and amount, with the third party that they name, and by account.
type Side = BTreeMap<(NaiveDate, i64, Option<Vec<String>>), BTreeMap<usize, Vec<usize>>>;

impl Counted {
    pub(super) fn transfers_between_accounts(&mut self) {
        let first = self.items.first().map(|item| item.account);
        if self.items.iter().all(|item| Some(item.account) == first) {
            return;
        }
        self.whole_transfers();
        for inflow in [true, false] {
            self.transfers_in_two_parts(inflow);
        }
    }

    fn may_be_own(item: &Item) -> bool {
        item.counts > 0 && !item.suspected && item.counts == item.amount.saturating_abs()
    }

    fn third_party(item: &Item) -> Option<Vec<String>> {
        item.is_named.then(|| item.party.clone())
    }

    fn whole_transfers(&mut self) {
        let mut out = Side::new();
        for place in self.places(|item| item.amount < 0 && Self::may_be_own(item)) {
            let Some(item) = self.get(place) else { continue };
            let key = (item.day, item.amount.saturating_neg(), Self::third_party(item));
            out.entry(key).or_default().entry(item.account).or_default().push(place);
        }
        for place in self.places(|item| item.amount > 0 && Self::may_be_own(item)) {
            let Some(item) = self.get(place) else { continue };
            if let Some(from) = other_side(&mut out, item) {
                self.are_one_transfer(place, &[from]);
            }
        }
    }

    fn are_one_transfer(&mut self, whole: usize, parts: &[usize]) {
        let other = parts.first().and_then(|part| self.get(*part)).map(|part| part.account);
        let account_of_whole = self.get(whole).map(|item| item.account);
        for (place, account) in std::iter::once((whole, other))
            .chain(parts.iter().map(|part| (*part, account_of_whole)))
        {
            if let Some(item) = self.items.get_mut(place) {
                item.other_account = account;
            }
            self.take_all(place, ApartRule::OwnTransfer);
        }
    }

    /// Finds bookings that two of the other side, in one other account, sum to.
    fn transfers_in_two_parts(&mut self, inflow: bool) {
        let side = |item: &Item, positive: bool| {
            (item.amount > 0) == positive && item.amount != 0 && Self::may_be_own(item)
        };
        let mut parts: BTreeMap<NaiveDate, BTreeSet<usize>> = BTreeMap::new();
        for place in self.places(|item| side(item, !inflow)) {
            let Some(item) = self.get(place) else { continue };
            parts.entry(item.day).or_default().insert(place);
        }
        for whole in self.places(|item| side(item, inflow)) {
            let Some(found) = self.get(whole).and_then(|item| self.two_parts(item, &parts)) else {
                continue;
            };
            self.are_one_transfer(whole, &found);
            for part in found {
                let Some(day) = self.get(part).map(|item| item.day) else { continue };
                parts.entry(day).or_default().remove(&part);
            }
        }
    }

    fn two_parts(
        &self,
        whole: &Item,
        parts: &BTreeMap<NaiveDate, BTreeSet<usize>>,
    ) -> Option<[usize; 2]> {
        let from = whole.day.checked_sub_days(Days::new(TRANSFER_DAYS))?;
        let to = whole.day.checked_add_days(Days::new(TRANSFER_DAYS))?;
        let sum = whole.amount.saturating_abs();
        let mut seen: BTreeMap<(usize, i64), usize> = BTreeMap::new();
        for place in parts.range(from..=to).flat_map(|(_, places)| places).copied().take(MOST_PARTS)
        {
            let Some(part) = self.get(place) else { continue };
            let amount = part.amount.saturating_abs();
            let are_third_parties = whole.is_named && part.is_named && whole.party != part.party;
            if part.account == whole.account || amount >= sum || are_third_parties {
                continue;
            }
            if let Some(first) = seen.get(&(part.account, sum.saturating_sub(amount))) {
                return Some([*first, place]);
            }
            seen.insert((part.account, amount), place);
        }
        None
    }
}

/// Takes the nearest booking that a transfer came from.
fn other_side(out: &mut Side, item: &Item) -> Option<usize> {
    let mut days: Vec<NaiveDate> = (0..=TRANSFER_DAYS)
        .flat_map(|days| {
            [item.day.checked_sub_days(Days::new(days)), item.day.checked_add_days(Days::new(days))]
        })
        .flatten()
        .collect();
    days.dedup();
    days.sort_by_key(|day| days_between(*day, item.day).saturating_abs());
    for day in days {
        let keys: Vec<_> = if item.is_named {
            // A named party's payment is the applicant's transfer only where the other side names
            // nobody, or the same.
            vec![(day, item.amount, None), (day, item.amount, Some(item.party.clone()))]
        } else {
            let of_amount = out.range((day, item.amount, None)..).map(|(key, _)| key);
            of_amount
                .take_while(|key| (key.0, key.1) == (day, item.amount))
                .take(MOST_PARTIES)
                .cloned()
                .collect()
        };
        for key in keys {
            let Some(accounts) = out.get_mut(&key) else { continue };
            let Some(from) = accounts.keys().copied().find(|account| *account != item.account)
            else {
                continue;
            };
            let Some(places) = accounts.get_mut(&from) else { continue };
            let place = places.pop();
            if places.is_empty() {
                accounts.remove(&from);
            }
            if accounts.is_empty() {
                out.remove(&key);
            }
            if place.is_some() {
                return place;
            }
        }
    }
    None
}
