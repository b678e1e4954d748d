//! Bank data, case by case: how bookings of statements are read, and which of them count twice.

use super::{BankData, Booking, Reference, ReferenceKind, Source, Statement, StatementId};
use crate::feature::{Feature, Features};
use chrono::NaiveDate;
use payterms_bank_files::is_placeholder;
use payterms_kernel::Currency;

mod apart;
mod features;

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
