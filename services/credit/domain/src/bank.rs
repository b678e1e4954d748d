//! Bank data: what statements and linked accounts tell, put together without counting anything twice, and the features
//! that follow from it (docs/domain/credit.md#bank-data).

use crate::feature::{Feature, Features};
use chrono::{Days, NaiveDate};
use payterms_kernel::{
    Currency,
    calendar::{first_of_month, month_end},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Days over which balances are looked at.
const BALANCE_DAYS: u64 = 90;
/// Days over which returned payments are counted.
const RETURN_DAYS: u64 = 180;
/// Whole months that averages are taken over, at most.
const MOST_MONTHS: usize = 12;
/// Gaps that are told.
const MOST_GAPS: usize = 100;

/// A booking.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Booking {
    /// The day.
    pub day: NaiveDate,
    /// What came in, or went out below zero, in millionths.
    pub amount: i64,
    /// Who paid, or was paid, as the bank told.
    pub party: String,
    /// The bank's own reference; empty: none.
    pub reference: String,
    /// Whether a payment came back.
    pub returned: bool,
}

/// What one statement, or one pull of a linked account, tells of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What tells the account from others: a hash of its number.
    pub account: String,
    /// Its currency.
    pub currency: Currency,
    /// The first and the last day that it covers.
    pub covers: (NaiveDate, NaiveDate),
    /// The balance at the end of the last day, in millionths; none where the file does not tell.
    pub closing: Option<i64>,
    /// Its bookings.
    pub bookings: Vec<Booking>,
}

/// An account with all that was told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Account {
    bookings: Vec<Booking>,
    covers: Vec<(NaiveDate, NaiveDate)>,
    closing: Option<(NaiveDate, i64)>,
}

/// What is told of a customer's accounts in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankData {
    accounts: BTreeMap<String, Account>,
    ignored: usize,
}

/// A time that an account's statements do not cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Which account, from 1.
    pub account: usize,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
}

/// What bank data covers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// Accounts in the currency.
    pub accounts: usize,
    /// Statements in another one.
    pub ignored: usize,
    /// The last day that all accounts are told of.
    pub until: Option<NaiveDate>,
    /// What is not covered, the first of it.
    pub gaps: Vec<Gap>,
}

/// Bookings of several statements of an account: one that two of them tell is one; one that a statement tells twice is
/// two.
fn together(told: &[&Statement]) -> Vec<Booking> {
    let mut most: BTreeMap<Booking, usize> = BTreeMap::new();
    for statement in told {
        let mut own: BTreeMap<&Booking, usize> = BTreeMap::new();
        for booking in &statement.bookings {
            let count = own.entry(booking).or_default();
            *count = count.saturating_add(1);
        }
        for (booking, count) in own {
            // The bank's own reference stands for one booking.
            let count = if booking.reference.is_empty() { count } else { 1 };
            let known = most.entry(booking.clone()).or_default();
            *known = count.max(*known);
        }
    }
    most.into_iter().flat_map(|(booking, count)| std::iter::repeat_n(booking, count)).collect()
}

/// Times in order, those that touch or overlap as one.
fn joined(mut times: Vec<(NaiveDate, NaiveDate)>) -> Vec<(NaiveDate, NaiveDate)> {
    times.sort_unstable();
    let mut joined: Vec<(NaiveDate, NaiveDate)> = Vec::new();
    for (from, to) in times {
        match joined.last_mut() {
            Some(last) if from <= last.1.checked_add_days(Days::new(1)).unwrap_or(last.1) => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

impl BankData {
    /// Puts statements together; those in another currency are counted and left out.
    #[must_use]
    pub fn of(currency: Currency, statements: &[Statement]) -> Self {
        let (own, other): (Vec<_>, Vec<_>) = statements.iter().partition(|own| own.currency == currency);
        let mut by_account: BTreeMap<String, Vec<&Statement>> = BTreeMap::new();
        for statement in own {
            by_account.entry(statement.account.clone()).or_default().push(statement);
        }
        let account = |(name, told): (String, Vec<&Statement>)| {
            let closing = told.iter().filter_map(|own| Some((own.covers.1, own.closing?))).max();
            let covers = joined(told.iter().map(|own| own.covers).collect());
            (name, Account { bookings: together(&told), covers, closing })
        };
        Self { accounts: by_account.into_iter().map(account).collect(), ignored: other.len() }
    }

    /// The last day that all accounts are told of.
    #[must_use]
    pub fn until(&self) -> Option<NaiveDate> {
        self.accounts.values().filter_map(|own| own.covers.last().map(|last| last.1)).min()
    }

    /// What it covers.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        Coverage { accounts: self.accounts.len(), ignored: self.ignored, until: self.until(), gaps: self.gaps() }
    }

    /// Times between the first and the last day that an account's statements do not cover: as many as are told.
    fn gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for (account, own) in (1..).zip(self.accounts.values()) {
            for pair in own.covers.windows(2) {
                let [before, after] = pair else { continue };
                if let (Some(from), Some(to)) = (before.1.succ_opt(), after.0.pred_opt()) {
                    gaps.push(Gap { account, from, to });
                }
                if gaps.len() >= MOST_GAPS {
                    return gaps;
                }
            }
        }
        gaps
    }

    /// The first days of the whole months that every account covers without a gap, up to the newest, oldest first.
    fn months(&self) -> Vec<NaiveDate> {
        let Some(until) = self.until() else { return Vec::new() };
        let newest = if month_end(until) == until { first_of_month(until) } else { before(first_of_month(until)) };
        let covered = |month: NaiveDate| {
            self.accounts.values().all(|own| own.covers.iter().any(|(from, to)| *from <= month && month_end(month) <= *to))
        };
        let mut months: Vec<_> =
            std::iter::successors(Some(newest), |month| Some(before(*month))).take(240).take_while(|month| covered(*month)).collect();
        months.reverse();
        months
    }

    /// Bookings without transfers between the customer's own accounts: the same amount out of one and into another on
    /// the same day.
    fn without_own_transfers(&self) -> Vec<&Booking> {
        let all: Vec<(&str, &Booking)> =
            self.accounts.iter().flat_map(|(name, own)| own.bookings.iter().map(|booking| (name.as_str(), booking))).collect();
        // What went out, by account: a file may hold any number of one amount on one day.
        let mut out: BTreeMap<(NaiveDate, i64), BTreeMap<&str, Vec<usize>>> = BTreeMap::new();
        for (place, (account, booking)) in all.iter().enumerate().filter(|(_, (_, booking))| booking.amount < 0) {
            let of_day = out.entry((booking.day, booking.amount.saturating_neg())).or_default();
            of_day.entry(account).or_default().push(place);
        }
        let mut gone = BTreeSet::new();
        for (place, (account, booking)) in all.iter().enumerate().filter(|(_, (_, booking))| booking.amount > 0) {
            let Some(candidates) = out.get_mut(&(booking.day, booking.amount)) else { continue };
            let Some(from) = candidates.keys().copied().find(|from| from != account) else { continue };
            let Some(own) = candidates.get_mut(from) else { continue };
            gone.insert(place);
            gone.extend(own.pop());
            if own.is_empty() {
                candidates.remove(from);
            }
        }
        all.iter().enumerate().filter(|(place, _)| !gone.contains(place)).map(|(_, (_, booking))| *booking).collect()
    }

    /// All accounts' end-of-day balances over the last days, each by account; none where one of them is not told.
    fn balances(&self) -> Option<Vec<Vec<i64>>> {
        let until = self.until()?;
        let from = until.checked_sub_days(Days::new(BALANCE_DAYS.saturating_sub(1)))?;
        let days: Vec<NaiveDate> = from.iter_days().take_while(|day| *day <= until).collect();
        let of = |own: &Account| {
            let (known_on, known) = own.closing?;
            let covered = own.covers.iter().any(|(first, last)| *first <= from && until <= *last && known_on <= *last);
            let balance = |day: &NaiveDate| {
                let after = own.bookings.iter().filter(|booking| booking.day > *day && booking.day <= known_on);
                known.saturating_sub(after.fold(0_i64, |sum, booking| sum.saturating_add(booking.amount)))
            };
            covered.then(|| days.iter().map(balance).collect::<Vec<i64>>())
        };
        if self.accounts.is_empty() {
            return None;
        }
        self.accounts.values().map(of).collect()
    }

    /// The features of the bank data.
    #[must_use]
    pub fn features(&self) -> Features {
        let mut features = Features::new();
        let months = self.months();
        features.insert(Feature::MonthsOfHistory, i64::try_from(months.len()).unwrap_or(i64::MAX));
        let bookings = self.without_own_transfers();
        let recent: Vec<_> = months.iter().rev().take(MOST_MONTHS).rev().copied().collect();
        flows(&mut features, &bookings, &recent);
        if let Some(until) = self.until() {
            let since = until.checked_sub_days(Days::new(RETURN_DAYS)).unwrap_or(until);
            let returned = bookings.iter().filter(|own| own.returned && own.day > since && own.day <= until).count();
            features.insert(Feature::ReturnedPayments, i64::try_from(returned).unwrap_or(i64::MAX));
        }
        if let Some(balances) = self.balances() {
            let days = balances.first().map_or(0, Vec::len);
            let on = |day: usize| balances.iter().filter_map(move |own| own.get(day).copied());
            let totals: Vec<i64> = (0..days).map(|day| on(day).fold(0_i64, i64::saturating_add)).collect();
            let negative = (0..days).filter(|day| on(*day).any(|balance| balance < 0)).count();
            features.insert(Feature::LowestBalance, totals.iter().min().copied().unwrap_or_default());
            features.insert(Feature::AverageBalance, mean(&totals).unwrap_or_default());
            features.insert(Feature::DaysNegative, i64::try_from(negative).unwrap_or(i64::MAX));
        }
        features
    }
}

fn before(month: NaiveDate) -> NaiveDate {
    month.pred_opt().map_or(month, first_of_month)
}

/// The mean, cut to a whole number towards zero.
fn mean(numbers: &[i64]) -> Option<i64> {
    let sum = numbers.iter().fold(0_i128, |sum, own| sum.saturating_add(i128::from(*own)));
    i64::try_from(sum.checked_div(i128::try_from(numbers.len()).ok()?)?).ok()
}

/// A ratio in ten-thousandths, cut towards zero.
fn ratio(part: i64, whole: i64) -> Option<i64> {
    i64::try_from(i128::from(part).saturating_mul(10_000).checked_div(i128::from(whole))?).ok()
}

/// What came in and went out, month by month.
fn flows(features: &mut Features, bookings: &[&Booking], months: &[NaiveDate]) {
    let of = |month: NaiveDate, inflow: bool| {
        let own = bookings.iter().filter(|own| first_of_month(own.day) == month && (own.amount > 0) == inflow && !own.returned);
        own.fold(0_i64, |sum, own| sum.saturating_add(own.amount.saturating_abs()))
    };
    let inflows: Vec<i64> = months.iter().map(|month| of(*month, true)).collect();
    let outflows: Vec<i64> = months.iter().map(|month| of(*month, false)).collect();
    let Some(average) = mean(&inflows) else { return };
    features.insert(Feature::MonthlyInflow, average);
    features.extend(mean(&outflows).map(|own| (Feature::MonthlyOutflow, own)));
    if let [.., a, b, c, x, y, z] = inflows.as_slice() {
        let (earlier, later) = (mean(&[*a, *b, *c]).unwrap_or_default(), mean(&[*x, *y, *z]).unwrap_or_default());
        features.extend(ratio(later.saturating_sub(earlier), earlier).map(|own| (Feature::InflowTrend, own)));
    }
    if inflows.len() >= 3 {
        let away: Vec<i64> = inflows.iter().map(|own| own.saturating_sub(average).saturating_abs()).collect();
        let deviation = mean(&away).and_then(|own| ratio(own, average));
        features.extend(deviation.map(|own| (Feature::InflowVolatility, own)));
    }
    let mut payers: BTreeMap<String, i64> = BTreeMap::new();
    let within = |day: NaiveDate| months.contains(&first_of_month(day));
    for own in bookings.iter().filter(|own| own.amount > 0 && !own.returned && within(own.day)) {
        let payer = payers.entry(own.party.trim().to_lowercase()).or_default();
        *payer = payer.saturating_add(own.amount);
    }
    let all = payers.values().fold(0_i64, |sum, own| sum.saturating_add(*own));
    let largest = payers.iter().filter(|(name, _)| !name.is_empty()).map(|(_, own)| *own).max();
    features.extend(largest.and_then(|own| ratio(own, all)).map(|own| (Feature::PayerConcentration, own)));
}
