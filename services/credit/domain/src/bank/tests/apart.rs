//! What is set apart: transfers between own accounts, what came back, and what only goes round.

use super::{UNIT, booking, data, inflow, known, may, two_accounts};
use crate::{
    bank::{ApartRule, Booking, BookingKind, Returned, Statement},
    feature::Feature,
};

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
