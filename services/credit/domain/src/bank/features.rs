//! The features of bank data. What its formats cannot say is missing, never zero.

use super::{
    Account, BankData,
    apart::{Item, days_between},
    circular::circular_flow,
    names::key_words,
};
use crate::{
    bank::Returned,
    feature::{Feature, Features},
};
use chrono::{Days, NaiveDate};
use payterms_kernel::calendar::{first_of_month, month_end};
use std::collections::BTreeMap;

/// Days over which balances are looked at.
const BALANCE_DAYS: u64 = 90;
/// Days over which returned payments are counted.
const RETURN_DAYS: u64 = 180;
/// All of it, in ten-thousandths.
const WHOLE: i64 = 10_000;
/// Whole months that averages are taken over, at most.
const MOST_MONTHS: usize = 12;
/// Whole months that are looked back at.
const MOST_HISTORY: usize = 240;

fn whole_number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn sum(amounts: impl Iterator<Item = i64>) -> i64 {
    amounts.fold(0, i64::saturating_add)
}

impl BankData {
    /// The features of the bank data as of a day.
    #[must_use]
    pub fn features(&self, today: NaiveDate) -> Features {
        let mut features = Features::new();
        // Without an account nothing is known: not even that there is no history.
        if self.accounts.is_empty() {
            return features;
        }
        let months = self.months();
        features.insert(Feature::MonthsOfHistory, whole_number(months.len()));
        let recent: Vec<_> = months.iter().rev().take(MOST_MONTHS).rev().copied().collect();
        flows(&mut features, &self.apart.items, &recent);
        let suspected = self.apart.items.iter().filter(|item| item.suspected).count();
        features.insert(Feature::SuspectedDuplicates, whole_number(suspected));
        let Some(until) = self.until() else { return features };
        features.insert(Feature::StatementAge, days_between(until, today).max(0));
        if let Some(first) = recent.first() {
            let flow = circular_flow(&self.apart, *first, until);
            let share = flow.and_then(|flow| ratio(flow, self.gross_inflow(*first, until)));
            features.extend(share.map(|share| (Feature::CircularFlow, share)));
        }
        self.returns(&mut features, until);
        self.balance_features(&mut features);
        features
    }

    /// The first days of the whole months that every account covers without a gap, up to the
    /// newest, oldest first.
    fn months(&self) -> Vec<NaiveDate> {
        let Some(until) = self.until() else { return Vec::new() };
        let newest = if month_end(until) == until {
            first_of_month(until)
        } else {
            before(first_of_month(until))
        };
        let covered = |month: NaiveDate| {
            self.accounts.values().all(|account| {
                account.covers.iter().any(|(from, to)| *from <= month && month_end(month) <= *to)
            })
        };
        let all = std::iter::successors(Some(newest), |month| Some(before(*month)));
        let mut months: Vec<_> =
            all.take(MOST_HISTORY).take_while(|month| covered(*month)).collect();
        months.reverse();
        months
    }

    /// All that came in, before anything is set apart.
    fn gross_inflow(&self, from: NaiveDate, to: NaiveDate) -> i64 {
        let within = self
            .apart
            .items
            .iter()
            .filter(|item| from <= item.day && item.day <= to && !item.suspected);
        sum(within.map(|item| item.amount.max(0)))
    }

    /// Payments that came back, where every account's statements say which did.
    fn returns(&self, features: &mut Features, until: NaiveDate) {
        let since = until.checked_sub_days(Days::new(RETURN_DAYS)).unwrap_or(until);
        if !self.accounts.values().all(|account| account.tells_returns_since(since, until)) {
            return;
        }
        let within = || {
            self.apart
                .items
                .iter()
                .filter(|item| since < item.day && item.day <= until && !item.suspected)
        };
        let own_payments =
            within().filter(|item| item.returned == Some(Returned::OwnPayment)).count();
        let deposits = || within().filter(|item| item.returned == Some(Returned::Deposit));
        features.insert(
            Feature::ReturnedPayments,
            whole_number(own_payments.saturating_add(deposits().count())),
        );
        features.insert(Feature::ReturnedOwnPayments, whole_number(own_payments));
        let returned = sum(deposits().map(|item| item.amount.saturating_abs()));
        let first = since.succ_opt().unwrap_or(since);
        // Where nothing came in, all of it came back or nothing did.
        let share = ratio(returned, self.gross_inflow(first, until)).unwrap_or(if returned == 0 {
            0
        } else {
            WHOLE
        });
        features.insert(Feature::ReturnedDeposits, share);
    }

    /// All accounts' end-of-day balances over the last days, each by account; none where one of
    /// them is not known.
    fn balances(&self) -> Option<Vec<Vec<i64>>> {
        let until = self.until()?;
        let from = until.checked_sub_days(Days::new(BALANCE_DAYS.saturating_sub(1)))?;
        let days: Vec<NaiveDate> = from.iter_days().take_while(|day| *day <= until).collect();
        let of = |account: &Account| {
            let (known_on, known) = account.closing?;
            let covered = account
                .covers
                .iter()
                .any(|(first, last)| *first <= from && until <= *last && known_on <= *last);
            let booked = account
                .bookings
                .iter()
                .filter(|kept| !kept.suspected)
                .map(|kept| (kept.booking.day, kept.booking.amount));
            let booked: Vec<_> =
                booked.filter(|(day, _)| *day > from && *day <= known_on).collect();
            let balance = |day: &NaiveDate| {
                let after = booked.iter().filter(|(booked_on, _)| booked_on > day);
                known.saturating_sub(sum(after.map(|(_, amount)| *amount)))
            };
            covered.then(|| days.iter().map(balance).collect::<Vec<i64>>())
        };
        if self.accounts.is_empty() {
            return None;
        }
        self.accounts.values().map(of).collect()
    }

    fn balance_features(&self, features: &mut Features) {
        let Some(balances) = self.balances() else { return };
        let days = balances.first().map_or(0, Vec::len);
        let on = |day: usize| balances.iter().filter_map(move |numbers| numbers.get(day).copied());
        let totals: Vec<i64> = (0..days).map(|day| sum(on(day))).collect();
        let negative = (0..days).filter(|day| on(*day).any(|balance| balance < 0)).count();
        features.insert(Feature::LowestBalance, totals.iter().min().copied().unwrap_or_default());
        features.insert(Feature::AverageBalance, mean(&totals).unwrap_or_default());
        features.insert(Feature::DaysNegative, whole_number(negative));
    }
}

impl Account {
    /// Whether its statements say which payments came back, on all days of these that they cover.
    fn tells_returns_since(&self, since: NaiveDate, until: NaiveDate) -> bool {
        let covered = self
            .covers
            .iter()
            .map(|(from, to)| (*from.max(&since), *to.min(&until)))
            .filter(|(from, to)| from <= to);
        covered.into_iter().all(|(from, to)| {
            self.reports_returns.iter().any(|(first, last)| *first <= from && to <= *last)
        })
    }
}

fn before(month: NaiveDate) -> NaiveDate {
    month.pred_opt().map_or(month, first_of_month)
}

/// The mean, cut to a whole number towards zero.
fn mean(numbers: &[i64]) -> Option<i64> {
    let sum = numbers.iter().fold(0_i128, |sum, number| sum.saturating_add(i128::from(*number)));
    i64::try_from(sum.checked_div(i128::try_from(numbers.len()).ok()?)?).ok()
}

/// A ratio in ten-thousandths, cut towards zero.
fn ratio(part: i64, whole: i64) -> Option<i64> {
    i64::try_from(
        i128::from(part).saturating_mul(i128::from(WHOLE)).checked_div(i128::from(whole))?,
    )
    .ok()
}

/// What came in and went out, month by month.
fn flows(features: &mut Features, items: &[Item], months: &[NaiveDate]) {
    let mut by_month: BTreeMap<(NaiveDate, bool), i64> = BTreeMap::new();
    for item in items.iter().filter(|item| item.counts > 0) {
        let flow = by_month.entry((first_of_month(item.day), item.amount > 0)).or_default();
        *flow = flow.saturating_add(item.counts);
    }
    let of = |month: NaiveDate, inflow: bool| {
        by_month.get(&(month, inflow)).copied().unwrap_or_default()
    };
    let inflows: Vec<i64> = months.iter().map(|month| of(*month, true)).collect();
    let outflows: Vec<i64> = months.iter().map(|month| of(*month, false)).collect();
    let Some(average) = mean(&inflows) else { return };
    features.insert(Feature::MonthlyInflow, average);
    features.extend(mean(&outflows).map(|number| (Feature::MonthlyOutflow, number)));
    if let [.., a, b, c, x, y, z] = inflows.as_slice() {
        let (earlier, later) =
            (mean(&[*a, *b, *c]).unwrap_or_default(), mean(&[*x, *y, *z]).unwrap_or_default());
        features.extend(
            ratio(later.saturating_sub(earlier), earlier)
                .map(|number| (Feature::InflowTrend, number)),
        );
    }
    if inflows.len() >= 3 {
        let away: Vec<i64> =
            inflows.iter().map(|number| number.saturating_sub(average).saturating_abs()).collect();
        let deviation = mean(&away).and_then(|number| ratio(number, average));
        features.extend(deviation.map(|number| (Feature::InflowVolatility, number)));
    }
    features
        .extend(concentration(items, months).map(|number| (Feature::PayerConcentration, number)));
}

/// The share of what came in that the largest payer paid; none where no payer is named.
fn concentration(items: &[Item], months: &[NaiveDate]) -> Option<i64> {
    let mut payers: BTreeMap<Vec<String>, i64> = BTreeMap::new();
    let mut add = |party: Vec<String>, amount: i64| {
        let payer = payers.entry(party).or_default();
        *payer = payer.saturating_add(amount);
    };
    let within = |day: NaiveDate| months.contains(&first_of_month(day));
    for item in items.iter().filter(|item| item.amount > 0 && item.counts > 0 && within(item.day)) {
        let mut left = item.counts;
        for (party, amount) in &item.parts {
            let part = left.min(amount.saturating_abs());
            left = left.saturating_sub(part);
            add(key_words(party), part);
        }
        add(item.party.clone(), left);
    }
    let all = sum(payers.values().copied());
    let largest =
        payers.iter().filter(|(name, _)| !name.is_empty()).map(|(_, number)| *number).max();
    largest.and_then(|number| ratio(number, all))
}
