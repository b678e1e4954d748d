//! Features of bank data: what a format cannot say, ages, payers, gaps, months and balances.

use super::{UNIT, booking, data, day, known, may, statement, two_accounts};
use crate::{
    bank::{Booking, Statement},
    feature::Feature,
};

#[test]
fn what_a_format_cannot_say_is_missing() {
    let csv =
        Statement { reports_returns: false, ..may(vec![booking("2026-05-04", 100, "Globex")]) };
    let features = known(std::slice::from_ref(&csv));
    for feature in [
        Feature::ReturnedPayments,
        Feature::ReturnedOwnPayments,
        Feature::ReturnedDeposits,
        Feature::LowestBalance,
    ] {
        assert_eq!(features.get(&feature), None, "{feature:?}");
    }
    assert_eq!(
        known(&[csv, may(Vec::new())])[&Feature::ReturnedPayments],
        0,
        "another file of the same days says it"
    );
}

#[test]
fn the_age_is_counted_from_the_last_day_that_all_accounts_cover() {
    let early = statement("b", ("2026-03-01", "2026-03-31"), None, Vec::new());
    assert_eq!(known(&[may(Vec::new())])[&Feature::StatementAge], 10);
    assert_eq!(known(&[may(Vec::new()), early])[&Feature::StatementAge], 71);
    let ahead = statement("a", ("2026-05-01", "2026-12-31"), None, Vec::new());
    assert_eq!(known(&[ahead])[&Feature::StatementAge], 0);
}

#[test]
fn parts_of_a_batch_count_for_their_payers() {
    let parts = vec![("Globex".to_owned(), 60 * UNIT), ("Initech".to_owned(), 40 * UNIT)];
    let batch = Booking { parts, ..booking("2026-05-04", 98, "") };
    let features = known(&[may(vec![batch])]);
    assert_eq!(
        (features[&Feature::MonthlyInflow] / UNIT, features[&Feature::PayerConcentration]),
        (98, 6_122)
    );
}

#[test]
fn gaps_are_named_and_months_are_whole() {
    let [one, two] = two_accounts(
        vec![booking("2026-05-05", 1_000, "Globex")],
        vec![booking("2026-05-06", -400, "Rent")],
    );
    let early = statement("b", ("2026-03-01", "2026-03-31"), None, Vec::new());
    let files = [one, two, early];
    let features = known(&files);
    assert_eq!(features[&Feature::PayerConcentration], 10_000);
    let gap = data(&files).coverage().gaps[0];
    assert_eq!((gap.account, gap.from, gap.to), (2, day("2026-04-01"), day("2026-04-30")));
    assert_eq!(features[&Feature::MonthsOfHistory], 1);
    assert_eq!(features.get(&Feature::LowestBalance), None, "ninety days are not covered");
}

#[test]
fn months_trend_and_balances_are_those_of_the_statements() {
    let months = ["01", "02", "03", "04", "05", "06"];
    let inflows = [100, 100, 100, 150, 150, 150];
    let bookings: Vec<_> = months
        .iter()
        .zip(inflows)
        .map(|(month, units)| booking(&format!("2026-{month}-10"), units, "Globex"))
        .collect();
    let rent = booking("2026-06-20", -1_000, "Rent");
    let all = bookings.into_iter().chain([rent]).collect();
    let features = known(&[statement("a", ("2026-01-01", "2026-06-30"), Some(-100), all)]);
    assert_eq!(features[&Feature::MonthsOfHistory], 6);
    assert_eq!(
        (features[&Feature::InflowTrend], features[&Feature::InflowVolatility]),
        (5_000, 2_000)
    );
    assert_eq!(features[&Feature::LowestBalance] / UNIT, -100);
    assert_eq!(features[&Feature::DaysNegative], 11, "from 20 to 30 June");
    // From 2 April: 8 days at 600, 30 at 750, 31 at 750 and so on; worked out by hand.
    let by_hand = (8 * 450 + 30 * 600 + 31 * 750 + 10 * 900 + 11 * -100) / 90;
    assert_eq!(features[&Feature::AverageBalance] / UNIT, by_hand);
}
