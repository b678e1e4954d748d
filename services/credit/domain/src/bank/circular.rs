//! How much of what comes in goes back to where it came from within 14 days.

use super::apart::{Counted, Item, days_between};
use crate::bank::Returned;
use chrono::NaiveDate;
use std::collections::{BTreeMap, VecDeque};

/// Days within which money that goes back counts as going round.
const DAYS: i64 = 14;

/// Where money came from or went to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Counterparty {
    /// Between these two accounts of the applicant, as seen from the first one.
    OwnAccount(usize, usize),
    /// Whoever has this name, in whatever account it is met.
    Named(Vec<String>),
}

fn counterparty(item: &Item) -> Option<Counterparty> {
    match item.other_account {
        Some(other) => Some(Counterparty::OwnAccount(item.account, other)),
        None if item.party.is_empty() => None,
        None => Some(Counterparty::Named(item.party.clone())),
    }
}

/// The sum over all counterparties of the smaller of what came from each and what went to it in the
/// days after; none where the statements name no counterparty of what came in.
pub(super) fn circular_flow(counted: &Counted, from: NaiveDate, to: NaiveDate) -> Option<i64> {
    // A booking that came back did not go anywhere.
    let came_back = |item: &Item| {
        matches!(item.returned, Some(Returned::OwnPayment | Returned::Deposit)) && !item.is_inferred
    };
    let moved = |item: &&Item| !item.suspected && !came_back(item);
    let mut came: BTreeMap<Counterparty, VecDeque<(NaiveDate, i64)>> = BTreeMap::new();
    let (mut is_known, mut is_moved, mut sum) = (false, false, 0_i64);
    for item in counted.items.iter().filter(moved).filter(|item| from <= item.day) {
        let party = counterparty(item);
        is_moved |= item.amount > 0 && item.day <= to;
        is_known |= item.amount > 0 && item.day <= to && party.is_some();
        let Some(party) = party else { continue };
        if item.amount > 0 && item.day <= to {
            came.entry(party).or_default().push_back((item.day, item.amount));
            continue;
        }
        let Some(queue) = came.get_mut(&party).filter(|_| item.amount < 0) else { continue };
        let mut left = item.amount.saturating_neg();
        while let Some((day, rest)) = queue.front_mut() {
            if days_between(*day, item.day) <= DAYS {
                let back = left.min(*rest);
                sum = sum.saturating_add(back);
                left = left.saturating_sub(back);
                *rest = rest.saturating_sub(back);
                if *rest > 0 {
                    break;
                }
            }
            queue.pop_front();
        }
    }
    (is_known || !is_moved).then_some(sum)
}
