//! Bank data, by properties: however the bookings of an account are cut into statements, nothing is
//! dropped.

use super::{
    BankData, Booking, Reference, ReferenceKind, Statement,
    tests::{UNIT, day, statement, usd},
};
use crate::feature::Feature;
use chrono::{Days, NaiveDate};
use proptest::prelude::*;

const FIRST: &str = "2026-01-01";
const LAST_DAY: u64 = 180;

fn on(days: u64) -> NaiveDate {
    day(FIRST) + Days::new(days)
}

/// A booking by its day, its amount in units, its payer and its reference; few of each, so that
/// many are alike.
fn booking() -> impl Strategy<Value = Booking> {
    let amounts = prop_oneof![Just(100), Just(250), Just(-100), Just(-70)];
    let parties = prop_oneof![Just(""), Just("Globex"), Just("Initech"), Just("Own savings")];
    let references = prop_oneof![
        Just(None),
        Just(Some("NONREF".to_owned())),
        (0..40_u32).prop_map(|number| Some(format!("R{number}")))
    ];
    (0..=LAST_DAY, amounts, parties, references).prop_map(|(days, units, party, reference)| {
        let references = reference
            .map(|value| Reference { kind: ReferenceKind::Servicer, value })
            .into_iter()
            .collect();
        Booking { references, ..Booking::plain(on(days), units * UNIT, party) }
    })
}

/// An account's bookings in the order of its bank.
fn bookings() -> impl Strategy<Value = Vec<Booking>> {
    prop::collection::vec(booking(), 0..120).prop_map(|mut bookings| {
        bookings.sort_by_key(|booking| booking.day);
        bookings
    })
}

/// A statement over days, with its bookings and its closing balance.
fn over(bookings: &[Booking], from: u64, to: u64) -> Statement {
    let within = bookings
        .iter()
        .filter(|booking| on(from) <= booking.day && booking.day <= on(to))
        .cloned()
        .collect();
    let closing = bookings
        .iter()
        .filter(|booking| booking.day <= on(to))
        .map(|booking| booking.amount)
        .sum::<i64>();
    let whole = statement("a", (FIRST, FIRST), None, within);
    Statement { covers: (on(from), on(to)), closing: Some(closing), ..whole }
}

fn data(statements: &[Statement]) -> BankData {
    BankData::of(usd(), statements, &|_| false)
}

/// Sums of what is kept, without suspected duplicates: what came in and what went out.
fn sums(data: &BankData) -> (i64, i64) {
    let sure = || {
        data.accounts
            .values()
            .flat_map(|account| &account.bookings)
            .filter(|kept| !kept.suspected)
            .map(|kept| kept.booking.amount)
    };
    (sure().filter(|amount| *amount > 0).sum(), sure().filter(|amount| *amount < 0).sum())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Cut at days into statements that overlap and state their period, in any order, it is the
    /// same account.
    #[test]
    fn files_cut_at_days_say_the_same(
        bookings in bookings(),
        cuts in prop::collection::vec((0..=LAST_DAY, 0..40_u64), 0..6),
        turned in any::<bool>(),
    ) {
        let mut days: Vec<_> = cuts.iter().map(|(at, _)| *at).collect();
        days.sort_unstable();
        let starts = std::iter::once(0).chain(days.iter().copied());
        let ends = days.iter().copied().chain([LAST_DAY]);
        let overlaps = cuts.iter().map(|(_, overlap)| *overlap).chain([0]);
        // Each goes on for some days into the next one.
        let mut parts: Vec<_> =
            starts.zip(ends).zip(overlaps).map(|((from, to), more)| over(&bookings, from, (to + more).min(LAST_DAY))).collect();
        if turned {
            parts.reverse();
        }
        let (whole, cut) = (data(&[over(&bookings, 0, LAST_DAY)]), data(&parts));
        let today = on(LAST_DAY);
        prop_assert_eq!(whole.features(today), cut.features(today));
        prop_assert_eq!(whole.coverage(), cut.coverage());
        prop_assert_eq!(cut.features(today)[&Feature::SuspectedDuplicates], 0);
    }

    /// Cut anywhere, without a period, and overlapping by some bookings: none is dropped, and none
    /// is counted twice.
    #[test]
    fn files_cut_inside_a_day_drop_nothing(bookings in bookings(), at in 0..120_usize, overlap in 0..20_usize) {
        let at = at.min(bookings.len());
        let end = (at + overlap).min(bookings.len());
        let without_period = |bookings: &[Booking]| Statement { whole: false, closing: None, bookings: bookings.to_vec(), ..over(&[], 0, LAST_DAY) };
        let parts = [without_period(&bookings[..end]), without_period(&bookings[at..])];
        let cut = data(&parts);
        let all: Vec<i64> = bookings.iter().map(|booking| booking.amount).collect();
        let kept: Vec<i64> = cut.accounts.values().flat_map(|account| &account.bookings).map(|merged_booking| merged_booking.booking.amount).collect();
        for amount in [100, 250, -100, -70].map(|units| units * UNIT) {
            let count = |among: &[i64]| among.iter().filter(|number| **number == amount).count();
            prop_assert!(count(&kept) >= count(&all), "nothing is dropped");
        }
        let (came, _) = sums(&cut);
        prop_assert!(came <= all.iter().filter(|number| **number > 0).sum::<i64>(), "no inflow is counted twice");
    }
}
