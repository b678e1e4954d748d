//! What is set apart before inflow and outflow are counted: inflow is what customers pay. Each rule
//! keeps how much it set apart, so that a person can look into it.

use super::{
    BookingKind, MergedBooking, Returned,
    names::{is_named, key_words, says_returned},
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

mod earlier;
mod transfers;

use earlier::Earlier;

/// Days before a return within which what came back is looked for; fewer where only a word of the
/// text says so.
const RETURN_DAYS: i64 = 60;
const RETURN_BY_TEXT_DAYS: i64 = 10;
/// Days within which a deposit that goes back whole to who paid it counts as returned, whatever the
/// bank calls it.
const RETURN_BY_AMOUNT_DAYS: i64 = 5;
/// Days before a refund within which the payment that it refunds is looked for.
const REFUND_DAYS: i64 = 60;
/// Days within which cash that was withdrawn and paid in again is one round trip.
const CASH_DAYS: i64 = 14;

/// A rule by which something is set apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ApartRule {
    /// It may be the same as another booking: it counts as outflow, never as inflow.
    SuspectedDuplicate,
    /// A payment of the applicant came back.
    ReturnedPayment,
    /// A deposit came back.
    ReturnedDeposit,
    /// A loan or credit was paid out.
    LoanPaidOut,
    /// Opposite amounts in two of the applicant's accounts within five days, also in two parts.
    OwnTransfer,
    /// The other party is the applicant by its legal name.
    OwnName,
    /// A payment of the applicant was refunded.
    Refund,
    /// Cash that was withdrawn was paid in again within 14 days.
    CashRoundTrip,
}

payterms_kernel::names! {
    /// The name of the rule, as in the contract.
    ApartRule {
        SuspectedDuplicate = "SUSPECTED_DUPLICATE",
        ReturnedPayment = "RETURNED_PAYMENT",
        ReturnedDeposit = "RETURNED_DEPOSIT",
        LoanPaidOut = "LOAN_PAID_OUT",
        OwnTransfer = "OWN_TRANSFER",
        OwnName = "OWN_NAME",
        Refund = "REFUND",
        CashRoundTrip = "CASH_ROUND_TRIP",
    }
}

/// What a rule set apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetApart {
    /// The rule.
    pub rule: ApartRule,
    /// Bookings that it set apart, wholly or in part.
    pub count: usize,
    /// What does not count as inflow because of it, in millionths.
    pub inflow: i64,
    /// What does not count as outflow because of it, in millionths.
    pub outflow: i64,
}

/// A booking with what of it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is what a text or a name says, read once")]
pub(super) struct Item {
    /// Which account.
    pub account: usize,
    /// The day.
    pub day: NaiveDate,
    /// What came in, or went out below zero.
    pub amount: i64,
    /// The other party's words.
    pub party: Vec<String>,
    /// Whether it may be the same as another one.
    pub suspected: bool,
    /// Whether a payment came back.
    pub returned: Option<Returned>,
    /// Whether that follows from amount and party alone.
    pub is_inferred: bool,
    /// The other account, where it is a transfer between the applicant's accounts.
    pub other_account: Option<usize>,
    /// What it is.
    pub kind: BookingKind,
    /// Of a batch: who paid how much.
    pub parts: Vec<(String, i64)>,
    /// How much of it counts, without its sign.
    pub counts: i64,
    says_returned: bool,
    is_named: bool,
    is_holder: bool,
}

/// All bookings, with what of each counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counted {
    /// By day.
    pub items: Vec<Item>,
    apart: BTreeMap<ApartRule, SetApart>,
}

/// Sets apart what no customer paid.
pub(super) fn set_apart<'a>(
    accounts: impl Iterator<Item = &'a [MergedBooking]>,
    is_holder: &dyn Fn(&str) -> bool,
) -> Counted {
    let item = |account: usize, kept: &MergedBooking| {
        let booking = &kept.booking;
        let party = key_words(&booking.party);
        let is_holder = is_holder(&booking.party);
        Item {
            account,
            day: booking.day,
            amount: booking.amount,
            suspected: kept.suspected,
            returned: booking.returned,
            is_inferred: false,
            other_account: None,
            kind: booking.kind,
            parts: booking.parts.clone(),
            counts: booking.amount.saturating_abs(),
            says_returned: says_returned(&booking.party) || says_returned(&booking.text),
            is_named: is_named(&party) && !is_holder,
            is_holder,
            party,
        }
    };
    let items = accounts
        .enumerate()
        .flat_map(|(account, kept)| kept.iter().map(move |kept| item(account, kept)));
    let mut counted = Counted { items: items.collect(), apart: BTreeMap::new() };
    counted.items.sort_by_key(|item| (item.day, item.account));
    counted.suspected_duplicates();
    counted.returns();
    counted.transfers_between_accounts();
    counted.by_kind_and_name();
    counted.refunds();
    counted.cash_round_trips();
    counted
}

impl Counted {
    /// What each rule set apart, in the order of the rules.
    pub fn summary(&self) -> Vec<SetApart> {
        self.apart.values().copied().collect()
    }

    fn get(&self, place: usize) -> Option<&Item> {
        self.items.get(place)
    }

    /// Sets so much of a booking apart.
    fn take(&mut self, place: usize, most: i64, rule: ApartRule) {
        let Some(item) = self.items.get_mut(place) else { return };
        let taken = most.min(item.counts);
        if taken <= 0 {
            return;
        }
        item.counts = item.counts.saturating_sub(taken);
        let apart =
            self.apart.entry(rule).or_insert(SetApart { rule, count: 0, inflow: 0, outflow: 0 });
        apart.count = apart.count.saturating_add(1);
        let side = if item.amount > 0 { &mut apart.inflow } else { &mut apart.outflow };
        *side = side.saturating_add(taken);
    }

    fn take_all(&mut self, place: usize, rule: ApartRule) {
        self.take(place, i64::MAX, rule);
    }

    fn places(&self, among: impl Fn(&Item) -> bool) -> Vec<usize> {
        self.items
            .iter()
            .enumerate()
            .filter(|(_, item)| among(item))
            .map(|(place, _)| place)
            .collect()
    }

    fn suspected_duplicates(&mut self) {
        for place in self.places(|item| item.suspected && item.amount > 0) {
            self.take_all(place, ApartRule::SuspectedDuplicate);
        }
    }

    /// Payments that came back, with what they undo: an earlier booking of the account with the
    /// same amount, of the same party where there is one.
    fn returns(&mut self) {
        let mut earlier = Earlier::default();
        for place in 0..self.items.len() {
            let Some(item) = self.get(place).cloned() else { continue };
            let days = if item.returned.is_some() { RETURN_DAYS } else { RETURN_BY_TEXT_DAYS };
            let original = |earlier: &mut Earlier| earlier.take(&item, days);
            match item
                .returned
                .or((item.says_returned && item.amount < 0).then_some(Returned::Unstated))
            {
                _ if item.suspected || item.amount == 0 => {}
                None if item.amount < 0 && item.is_named => {
                    match earlier.take_same_party(&item, RETURN_BY_AMOUNT_DAYS) {
                        Some(original) => self.came_back_unsaid(place, original),
                        None => earlier.add(place, &item),
                    }
                }
                None => earlier.add(place, &item),
                Some(_) if item.amount > 0 => {
                    self.resolve(place, Some(Returned::OwnPayment));
                    self.take_all(place, ApartRule::ReturnedPayment);
                    if let Some(original) = original(&mut earlier) {
                        self.take_all(original, ApartRule::ReturnedPayment);
                    }
                }
                // What the bank charges for an unpaid debit is a cost like any other.
                Some(Returned::OwnPayment) => {}
                Some(stated) => {
                    let original = original(&mut earlier);
                    match (stated, original, item.returned) {
                        (_, Some(original), _) => {
                            self.resolve(place, Some(Returned::Deposit));
                            self.take_all(place, ApartRule::ReturnedDeposit);
                            self.take_all(original, ApartRule::ReturnedDeposit);
                        }
                        (Returned::Deposit, None, _) => {
                            self.take_all(place, ApartRule::ReturnedDeposit);
                            self.take_from_inflow_before(place, &item);
                        }
                        (_, None, Some(_)) => self.resolve(place, Some(Returned::OwnPayment)),
                        // Only a word of the text says so, and nothing of that amount came in.
                        (_, None, None) => {}
                    }
                }
            }
        }
    }

    /// A deposit went back whole within days. It may be a bounce that the bank does not name, or
    /// money that goes round: it is no inflow either way, and is still measured as going round.
    fn came_back_unsaid(&mut self, place: usize, original: usize) {
        if let Some(item) = self.items.get_mut(place) {
            (item.returned, item.is_inferred) = (Some(Returned::Deposit), true);
        }
        self.take_all(place, ApartRule::ReturnedDeposit);
        self.take_all(original, ApartRule::ReturnedDeposit);
    }

    fn resolve(&mut self, place: usize, returned: Option<Returned>) {
        if let Some(item) = self.items.get_mut(place) {
            item.returned = returned;
        }
    }

    /// A deposit came back whose booking is not there as such, as with a return of several at once:
    /// the newest inflow of the account is less by it.
    fn take_from_inflow_before(&mut self, place: usize, returned: &Item) {
        let mut left = returned.amount.saturating_abs();
        for before in (0..place).rev() {
            let Some(item) = self.get(before) else { continue };
            if left == 0 || days_between(item.day, returned.day) > RETURN_DAYS {
                break;
            }
            if item.account == returned.account && item.amount > 0 && item.counts > 0 {
                let taken = left.min(item.counts);
                left = left.saturating_sub(taken);
                self.take(before, taken, ApartRule::ReturnedDeposit);
            }
        }
    }

    /// What the bank's code or the other party's name sets apart, where no other account of the
    /// applicant shows it.
    fn by_kind_and_name(&mut self) {
        for place in 0..self.items.len() {
            let Some(item) = self.get(place) else { continue };
            let rule = match item.kind {
                BookingKind::OwnTransfer => Some(ApartRule::OwnTransfer),
                BookingKind::Loan if item.amount > 0 => Some(ApartRule::LoanPaidOut),
                BookingKind::Refund if item.amount > 0 => Some(ApartRule::Refund),
                _ if item.is_holder => Some(ApartRule::OwnName),
                _ => None,
            };
            if let Some(rule) = rule.filter(|_| item.counts > 0) {
                self.take_all(place, rule);
            }
        }
    }

    /// What came from a party that was paid the same amount before is that payment, given back.
    fn refunds(&mut self) {
        let mut earlier = Earlier::default();
        for place in self.places(|item| item.is_named && !item.suspected && item.counts > 0) {
            let Some(item) = self.get(place).cloned() else { continue };
            if item.amount < 0 {
                earlier.add(place, &Item { account: 0, ..item });
                continue;
            }
            let refunded = earlier.take_of_party(&Item { account: 0, ..item }, REFUND_DAYS);
            if let Some(original) = refunded {
                self.take_all(place, ApartRule::Refund);
                self.take_all(original, ApartRule::Refund);
            }
        }
    }

    /// Cash that is paid in counts as far as it is more than what was withdrawn in the days before.
    fn cash_round_trips(&mut self) {
        let mut withdrawn: VecDeque<(NaiveDate, usize, i64)> = VecDeque::new();
        for place in
            self.places(|item| item.kind == BookingKind::Cash && !item.suspected && item.counts > 0)
        {
            let Some(item) = self.get(place).cloned() else { continue };
            if item.amount < 0 {
                withdrawn.push_back((item.day, place, item.counts));
                continue;
            }
            let mut left = item.counts;
            while let Some((day, of, rest)) = withdrawn.front_mut() {
                let taken = left.min(*rest);
                let (is_over, of) = (days_between(*day, item.day) > CASH_DAYS, *of);
                if !is_over && taken > 0 {
                    *rest = rest.saturating_sub(taken);
                    left = left.saturating_sub(taken);
                    self.take(of, taken, ApartRule::CashRoundTrip);
                }
                if is_over || withdrawn.front().is_some_and(|(_, _, rest)| *rest == 0) {
                    withdrawn.pop_front();
                } else {
                    break;
                }
            }
            self.take(place, item.counts.saturating_sub(left), ApartRule::CashRoundTrip);
        }
    }
}

/// Whole days from one day to a later one; below zero where it is earlier.
pub(super) fn days_between(from: NaiveDate, to: NaiveDate) -> i64 {
    to.signed_duration_since(from).num_days()
}
