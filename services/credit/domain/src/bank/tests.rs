//! Bank data, case by case.

use super::{
    ApartRule, BankData, Booking, BookingKind, Reference, ReferenceKind, Returned, Source,
    Statement, StatementId,
};
use crate::feature::{Feature, Features};
use chrono::NaiveDate;
use payterms_bank_files::is_placeholder;
use payterms_kernel::Currency;

pub(super) const UNIT: i64 = 1_000_000;

pub(super) fn usd() -> Currency {
    Currency::parse("USD").unwrap()
}

pub(super) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn booking(day_of: &str, units: i64, party: &str) -> Booking {
    Booking::plain(day(day_of), units * UNIT, party)
}

fn referred(day_of: &str, units: i64, party: &str, reference: &str) -> Booking {
    let reference = Reference { kind: ReferenceKind::Servicer, value: reference.to_owned() };
    Booking { references: vec![reference], ..booking(day_of, units, party) }
}

pub(super) fn statement(
    account: &str,
    covers: (&str, &str),
    closing: Option<i64>,
    bookings: Vec<Booking>,
) -> Statement {
    Statement {
        account: account.into(),
        currency: usd(),
        source: Source::File("CAMT"),
        id: StatementId::default(),
        covers: (day(covers.0), day(covers.1)),
        whole: true,
        closing: closing.map(|units| units * UNIT),
        reports_returns: true,
        bookings,
    }
}

/// A part of a file that does not state its period.
fn part(bookings: Vec<Booking>) -> Statement {
    Statement { whole: false, ..statement("a", ("2026-05-01", "2026-05-31"), None, bookings) }
}

fn may(bookings: Vec<Booking>) -> Statement {
    statement("a", ("2026-05-01", "2026-05-31"), None, bookings)
}

fn data(statements: &[Statement]) -> BankData {
    BankData::of(usd(), statements, &|name| name.contains("Wonka"))
}

fn known(statements: &[Statement]) -> Features {
    data(statements).features(day("2026-06-10"))
}

/// Inflow of a month in whole units, and suspected duplicates.
fn inflow(statements: &[Statement]) -> (i64, i64) {
    let features = known(statements);
    (features[&Feature::MonthlyInflow] / UNIT, features[&Feature::SuspectedDuplicates])
}

fn apart(statements: &[Statement]) -> Vec<(ApartRule, usize, i64, i64)> {
    let set_apart = data(statements).coverage().set_apart;
    set_apart
        .iter()
        .map(|set_apart| {
            (set_apart.rule, set_apart.count, set_apart.inflow / UNIT, set_apart.outflow / UNIT)
        })
        .collect()
}

#[test]
fn bookings_of_one_statement_are_two_whatever_their_reference() {
    let same = || referred("2026-05-04", 100, "Globex", "B7");
    assert_eq!(inflow(&[may(vec![same(), same()])]), (200, 0), "a bank's reference is a hint");
    let placeholder = || referred("2026-05-04", 100, "Globex", "NONREF");
    assert_eq!(inflow(&[may(vec![placeholder(); 5])]), (500, 0));
}

#[test]
fn where_both_files_hold_the_day_the_larger_count_holds() {
    let one = || booking("2026-05-04", 100, "Globex");
    assert_eq!(inflow(&[may(vec![one(), one()]), may(vec![one()])]), (200, 0));
    assert_eq!(
        inflow(&[may(vec![one()]), may(vec![one(), one()])]),
        (200, 0),
        "in whatever order they come"
    );
    assert_eq!(inflow(&[may(vec![one()]), may(vec![one()])]), (100, 0));
    let later = Statement {
        source: Source::File("CSV"),
        ..may(vec![referred("2026-05-04", 100, "GLOBEX INC.", "other")])
    };
    assert_eq!(
        inflow(&[may(vec![referred("2026-05-04", 100, "Globex", "B7")]), later]),
        (100, 0),
        "two formats name one booking differently"
    );
    assert_eq!(
        inflow(&[may(vec![one()]), may(vec![booking("2026-05-04", 100, "")])]),
        (100, 0),
        "details are missing in one"
    );
}

#[test]
fn whole_days_that_contradict_each_other_are_for_a_person() {
    let (one, other) =
        (booking("2026-05-04", 100, "Globex"), booking("2026-05-04", 100, "Initech"));
    assert_eq!(
        inflow(&[may(vec![one]), may(vec![other])]),
        (100, 1),
        "neither dropped nor counted twice"
    );
    let (one, other) =
        (referred("2026-05-04", 100, "Globex", "B7"), referred("2026-05-04", 100, "Globex", "B8"));
    assert_eq!(inflow(&[may(vec![one]), may(vec![other])]), (100, 1));
}

#[test]
fn a_statement_that_is_sent_twice_is_one() {
    let id = StatementId { id: "S7".into(), sequence: "7".into(), page: "1".into() };
    let sent = |bookings| Statement { id: id.clone(), ..part(bookings) };
    let one = || booking("2026-05-04", 100, "Globex");
    assert_eq!(
        inflow(&[sent(vec![one(), one()]), sent(vec![one()])]),
        (200, 0),
        "its page was completed"
    );
    let june = Statement {
        covers: (day("2026-06-01"), day("2026-06-30")),
        ..sent(vec![booking("2026-06-04", 100, "Globex")])
    };
    let months = known(&[Statement { whole: true, ..sent(vec![one()]) }, june]);
    assert_eq!(
        months[&Feature::MonthlyInflow] / UNIT,
        100,
        "a bank that gives each statement one id: two months of 100"
    );
    assert_eq!(months[&Feature::MonthsOfHistory], 2);
}

#[test]
fn without_whole_days_references_decide_then_parties_and_nothing_is_dropped() {
    let with = |reference: &str| referred("2026-05-04", 100, "Globex", reference);
    assert_eq!(
        inflow(&[part(vec![with("B7")]), part(vec![with("B7")])]),
        (100, 0),
        "one reference, once in each"
    );
    assert_eq!(inflow(&[part(vec![with("B7")]), part(vec![with("B8")])]), (200, 0));
    assert_eq!(
        inflow(&[part(vec![with("NONREF")]), part(vec![with("NONREF")])]),
        (100, 1),
        "a placeholder decides nothing"
    );
    let repeated = part(vec![with("B7"), with("B7")]);
    assert_eq!(
        inflow(&[repeated, part(vec![with("B7")])]),
        (200, 1),
        "one that the bank repeats decides nothing"
    );
    let by = |party: &str| part(vec![booking("2026-05-04", 100, party)]);
    assert_eq!(inflow(&[by("Globex"), by("Initech")]), (200, 0));
    assert_eq!(inflow(&[by("Globex"), by("GLOBEX, Inc")]), (100, 1));
    assert_eq!(inflow(&[by("Globex"), by("")]), (100, 1));
    let end_to_end = Booking {
        references: vec![Reference { kind: ReferenceKind::EndToEnd, value: "B8".into() }],
        ..with("")
    };
    assert_eq!(
        inflow(&[part(vec![with("B7")]), part(vec![end_to_end])]),
        (100, 1),
        "references of two kinds are not compared"
    );
    let out = || part(vec![booking("2026-05-04", -100, "Rent")]);
    assert_eq!(
        known(&[out(), out()])[&Feature::MonthlyOutflow] / UNIT,
        200,
        "a suspected duplicate is outflow"
    );
}

#[test]
fn placeholders_are_no_references() {
    for reference in [
        "0",
        "0000",
        "NONREF",
        "NotProvided",
        "NOT-PROVIDED",
        "unknown",
        "-",
        "",
        "999999999999",
        "n/a",
    ] {
        assert!(is_placeholder(reference), "{reference}");
    }
    for reference in ["7", "B7", "2026-000048", "RF18539007547034"] {
        assert!(!is_placeholder(reference), "{reference}");
    }
}

#[test]
fn another_currency_is_counted_and_left_out() {
    let euros = Statement {
        currency: Currency::parse("EUR").unwrap(),
        ..may(vec![booking("2026-05-04", 100, "Globex")])
    };
    let coverage = data(&[euros]).coverage();
    assert_eq!((coverage.accounts, coverage.ignored), (0, 1));
}

fn two_accounts(one: Vec<Booking>, two: Vec<Booking>) -> [Statement; 2] {
    let covers = ("2026-05-01", "2026-05-31");
    [statement("a", covers, Some(0), one), statement("b", covers, Some(0), two)]
}

#[test]
fn own_transfers_leave_inflow_and_outflow() {
    let flows = |files: &[Statement]| {
        let features = known(files);
        (features[&Feature::MonthlyInflow] / UNIT, features[&Feature::MonthlyOutflow] / UNIT)
    };
    let pay = |day_of: &str, units: i64, party: &str| booking(day_of, units, party);
    let same_day = two_accounts(
        vec![pay("2026-05-04", -300, "Own"), pay("2026-05-05", 1_000, "Globex")],
        vec![pay("2026-05-04", 300, "Own"), pay("2026-05-06", -400, "Rent")],
    );
    assert_eq!(flows(&same_day), (1_000, 400));
    assert_eq!(apart(&same_day), [(ApartRule::OwnTransfer, 2, 300, 300)]);
    let five_days =
        two_accounts(vec![pay("2026-05-04", -300, "")], vec![pay("2026-05-09", 300, "Globex")]);
    assert_eq!(flows(&five_days), (0, 0), "one side names nobody");
    let six_days =
        two_accounts(vec![pay("2026-05-04", -300, "")], vec![pay("2026-05-10", 300, "")]);
    assert_eq!(flows(&six_days), (300, 300));
    let third_parties = two_accounts(
        vec![pay("2026-05-04", -300, "Landlord")],
        vec![pay("2026-05-05", 300, "Globex")],
    );
    assert_eq!(flows(&third_parties), (300, 300));
    let in_two = two_accounts(
        vec![pay("2026-05-04", -200, ""), pay("2026-05-06", -100, "")],
        vec![pay("2026-05-07", 300, "Transfer")],
    );
    assert_eq!(flows(&in_two), (0, 0));
    assert_eq!(apart(&in_two), [(ApartRule::OwnTransfer, 3, 300, 300)]);
    let from_two = two_accounts(
        vec![pay("2026-05-04", -300, "")],
        vec![pay("2026-05-05", 180, ""), pay("2026-05-06", 120, "")],
    );
    assert_eq!(flows(&from_two), (0, 0));
    let by_name = [may(vec![
        pay("2026-05-04", 300, "Wonka LLC"),
        pay("2026-05-05", 50, "Globex"),
        pay("2026-05-07", -20, "Wonka LLC"),
    ])];
    assert_eq!(
        (flows(&by_name), apart(&by_name)),
        ((50, 0), vec![(ApartRule::OwnName, 2, 300, 20)]),
        "the applicant's legal name"
    );
}

fn returned(day_of: &str, units: i64, party: &str, whose: Returned) -> Booking {
    Booking { returned: Some(whose), ..booking(day_of, units, party) }
}

#[test]
fn what_came_back_is_set_apart_with_what_it_undoes() {
    let bounced = [may(vec![
        booking("2026-05-03", 900, "Globex"),
        booking("2026-05-04", 100, "Kite"),
        returned("2026-05-06", -100, "", Returned::Deposit),
    ])];
    let features = known(&bounced);
    assert_eq!(
        (features[&Feature::MonthlyInflow] / UNIT, features[&Feature::MonthlyOutflow]),
        (900, 0)
    );
    assert_eq!(
        (features[&Feature::ReturnedPayments], features[&Feature::ReturnedOwnPayments]),
        (1, 0)
    );
    assert_eq!(features[&Feature::ReturnedDeposits], 1_000, "100 of 1,000");
    assert_eq!(apart(&bounced), [(ApartRule::ReturnedDeposit, 2, 100, 100)]);
    let together = [may(vec![
        booking("2026-05-03", 900, "Globex"),
        booking("2026-05-04", 100, "Kite"),
        booking("2026-05-05", 50, "Kite"),
        returned("2026-05-06", -150, "", Returned::Deposit),
    ])];
    assert_eq!(inflow(&together), (900, 0), "two deposits came back as one");
    let unpaid = [may(vec![
        booking("2026-05-04", -70, "Rent"),
        returned("2026-05-06", 70, "Rent", Returned::Unstated),
    ])];
    let features = known(&unpaid);
    assert_eq!((features[&Feature::MonthlyInflow], features[&Feature::MonthlyOutflow]), (0, 0));
    assert_eq!(
        (features[&Feature::ReturnedOwnPayments], features[&Feature::ReturnedDeposits]),
        (1, 0)
    );
    let fee = [may(vec![returned("2026-05-06", -35, "Bank", Returned::OwnPayment)])];
    let features = known(&fee);
    assert_eq!(
        (features[&Feature::ReturnedOwnPayments], features[&Feature::MonthlyOutflow] / UNIT),
        (1, 35),
        "a fee is a cost"
    );
    let by_text = [may(vec![
        booking("2026-05-04", 100, "Kite"),
        booking("2026-05-06", -100, "RETURNED DEPOSIT ITEM"),
    ])];
    assert_eq!((inflow(&by_text), known(&by_text)[&Feature::ReturnedPayments]), ((0, 0), 1));
    let unsaid = [may(vec![
        booking("2026-05-03", 900, "Globex"),
        booking("2026-05-04", 100, "Kite"),
        booking("2026-05-06", -100, "KITE"),
    ])];
    let features = known(&unsaid);
    assert_eq!(
        (inflow(&unsaid), features[&Feature::ReturnedPayments]),
        ((900, 0), 1),
        "it went back whole to who paid it"
    );
    assert_eq!(features[&Feature::CircularFlow], 1_000, "and is money that goes round");
    let no_pair = [may(vec![
        booking("2026-05-04", 90, "Kite"),
        booking("2026-05-06", -100, "Tax return service"),
    ])];
    assert_eq!(
        (inflow(&no_pair), known(&no_pair)[&Feature::ReturnedPayments]),
        ((90, 0), 0),
        "a word alone returns nothing"
    );
}

#[test]
fn loans_refunds_and_cash_that_goes_round_are_no_inflow() {
    let of = |kind: BookingKind, day_of: &str, units: i64, party: &str| Booking {
        kind,
        ..booking(day_of, units, party)
    };
    let file = [may(vec![
        booking("2026-05-03", 900, "Globex"),
        of(BookingKind::Loan, "2026-05-04", 5_000, "Lender"),
        of(BookingKind::Loan, "2026-05-05", -40, "Lender"),
        of(BookingKind::Refund, "2026-05-06", 30, "Shop"),
        booking("2026-05-07", -60, "Supplier"),
        booking("2026-05-17", 60, "SUPPLIER INC"),
        of(BookingKind::Cash, "2026-05-08", -200, ""),
        of(BookingKind::Cash, "2026-05-18", 250, ""),
        of(BookingKind::Cash, "2026-05-28", 10, ""),
    ])];
    let expected = [
        (ApartRule::LoanPaidOut, 1, 5_000, 0),
        (ApartRule::Refund, 3, 90, 60),
        (ApartRule::CashRoundTrip, 2, 200, 200),
    ];
    assert_eq!(apart(&file), expected);
    assert_eq!(
        inflow(&file),
        (900 + 50 + 10, 0),
        "cash counts as far as it is more than what was withdrawn"
    );
    assert_eq!(known(&file)[&Feature::MonthlyOutflow] / UNIT, 40);
}

#[test]
fn a_circle_between_own_accounts_is_told_and_is_no_inflow() {
    let pay = |day_of: &str, units: i64| booking(day_of, units, "Transfer");
    let circle = two_accounts(
        vec![
            booking("2026-05-03", 10_000, "Globex"),
            pay("2026-05-10", -60_000),
            pay("2026-05-13", 60_000),
        ],
        vec![pay("2026-05-11", 60_000), pay("2026-05-12", -60_000)],
    );
    let features = known(&circle);
    assert_eq!(features[&Feature::MonthlyInflow] / UNIT, 10_000);
    assert_eq!(features[&Feature::CircularFlow], 4_615, "60,000 of 130,000 went back at once");
    let shell = [may(vec![
        booking("2026-05-03", 900, "Globex"),
        booking("2026-05-04", 100, "Kite"),
        booking("2026-05-18", -60, "KITE LLC"),
        booking("2026-05-19", -40, "Kite"),
    ])];
    assert_eq!(
        known(&shell)[&Feature::CircularFlow],
        600,
        "what went back after more than 14 days does not count"
    );
    let unnamed = [may(vec![booking("2026-05-03", 900, "")])];
    assert_eq!(known(&unnamed).get(&Feature::CircularFlow), None, "nobody is named");
}

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
fn many_bookings_and_many_gaps_are_no_burden() {
    let covers = ("2026-05-01", "2026-05-31");
    let numbered = |units: i64| {
        move |number: i32| Booking {
            text: number.to_string(),
            ..booking("2026-05-04", units, "Own")
        }
    };
    // As many candidates for transfers as there can be, and one that is a transfer.
    let all: Vec<_> = (0..100_000).map(numbered(7)).chain((0..100_000).map(numbered(-7))).collect();
    let other = statement("b", covers, None, vec![booking("2026-05-04", -7, "Own")]);
    let features = known(&[statement("a", covers, None, all), other]);
    assert_eq!(features[&Feature::MonthlyInflow] / UNIT, 7 * 99_999);
    assert_eq!(features[&Feature::MonthlyOutflow] / UNIT, 7 * 100_000);
    let days = day("2026-01-01").iter_days().step_by(2).take(30_000);
    let account = |place: usize| format!("account {}", place % 15_000);
    let scattered: Vec<_> = days
        .enumerate()
        .map(|(place, on)| Statement {
            covers: (on, on),
            ..statement(&account(place), covers, None, Vec::new())
        })
        .collect();
    let coverage = data(&scattered).coverage();
    assert_eq!((coverage.accounts, coverage.gaps.len()), (15_000, 100), "the first are told");
}

#[test]
fn files_of_one_row_over_and_over_are_no_burden() {
    let row = |party: usize| {
        booking("2026-05-04", 7, ["Globex", "Initech", "Umbrella", "Hooli"][party % 4])
    };
    let file = || part((0..10_000).map(row).collect());
    let (inflow, suspected) = inflow(&[file(), file(), file()]);
    assert_eq!((inflow / 7, suspected), (10_000, 20_000));
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
