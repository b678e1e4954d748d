//! Which line a return takes back, and what becomes of both.

use super::{
    BankLine, Compared, Dismissal, LineState, Shown, SuggestReason, Taking, find_original,
    tests::{NOW, ids, line, payment_of, usd},
};
use crate::{InvoiceState, payment::tests::invoices};
use payterms_kernel::{Id, Reason};
use std::collections::BTreeSet;
use uuid::Uuid;

type References = BTreeSet<(String, String)>;

/// What a candidate shares with the return, the candidates, and the original's id or the reason for
/// a person.
type Case<'a> = (&'a str, Vec<(BankLine, References)>, Result<u128, SuggestReason>);

/// A line of an id; day, payer's account, payer, number of a document.
fn known(id: u128, cents: i64, (day, key, payer, number): (&str, &str, &str, &str)) -> BankLine {
    let shown = Shown {
        payer_key: key.into(),
        payer: payer.into(),
        numbers: Some(number.to_owned()).filter(|number| !number.is_empty()).into_iter().collect(),
        ..Shown::plain(day.parse().unwrap(), usd(cents))
    };
    BankLine::new(Id::from_uuid(Uuid::from_u128(id)), shown, NOW)
}

fn references(values: &[&str]) -> References {
    values.iter().map(|value| ("END_TO_END".to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_line_that_fits_best_by_more_than_its_amount_is_the_original() {
    use SuggestReason::{OriginalUnknown, SeveralOriginals};
    let returned = || known(99, -10_000, ("2026-03-31", "k1", "Alpha LLC", "INV-1"));
    let plain = ("2026-03-01", "", "", "");
    let with = |key, payer, number| ("2026-03-01", key, payer, number);
    let none = || references(&[]);
    let cases: Vec<Case<'_>> = vec![
        ("nothing", vec![], Err(OriginalUnknown)),
        ("the amount alone", vec![(known(1, 10_000, plain), none())], Err(OriginalUnknown)),
        (
            "another amount",
            vec![(known(1, 9_999, with("k1", "", "")), none())],
            Err(OriginalUnknown),
        ),
        (
            "the reference",
            vec![
                (known(1, 10_000, plain), references(&["e1"])),
                (known(2, 10_000, with("k1", "", "")), none()),
            ],
            Ok(1),
        ),
        (
            "the payer's account",
            vec![(known(1, 10_000, with("k1", "", "")), none()), (known(2, 10_000, plain), none())],
            Ok(1),
        ),
        (
            "the document",
            vec![
                (known(1, 10_000, with("", "", "INV-1")), none()),
                (known(2, 10_000, plain), none()),
            ],
            Ok(1),
        ),
        ("the name", vec![(known(1, 10_000, with("", "ALPHA, LLC.", "")), none())], Ok(1)),
        (
            "another account",
            vec![(known(1, 10_000, with("k2", "Alpha LLC", "INV-1")), none())],
            Err(OriginalUnknown),
        ),
        (
            "another document",
            vec![(known(1, 10_000, with("k1", "", "INV-2")), none())],
            Err(OriginalUnknown),
        ),
        (
            "two alike",
            vec![
                (known(1, 10_000, with("k1", "", "")), none()),
                (known(2, 10_000, with("k1", "", "")), none()),
            ],
            Err(SeveralOriginals),
        ),
        (
            "61 days",
            vec![(known(1, 10_000, ("2026-01-29", "k1", "", "")), none())],
            Err(OriginalUnknown),
        ),
        ("60 days", vec![(known(1, 10_000, ("2026-01-30", "k1", "", "")), none())], Ok(1)),
        (
            "a later day",
            vec![(known(1, 10_000, ("2026-04-01", "k1", "", "")), none())],
            Err(OriginalUnknown),
        ),
    ];
    for (what, lines, expected) in cases {
        let mut bank_line = returned();
        let candidates: Vec<_> =
            lines.iter().map(|(line, references)| Compared { line, references }).collect();
        find_original(&mut bank_line, &references(&["e1"]), &candidates, true);
        match expected {
            Ok(id) => assert_eq!(
                (bank_line.state, bank_line.returned_line),
                (LineState::Matched, Some(Id::from_uuid(Uuid::from_u128(id)))),
                "{what}"
            ),
            Err(reason) => assert_eq!(
                (bank_line.state, bank_line.reasons),
                (LineState::Suggested, vec![reason]),
                "{what}"
            ),
        }
    }
    let line = known(1, 10_000, with("k1", "", ""));
    let mut bank_line = returned();
    find_original(&mut bank_line, &none(), &[Compared { line: &line, references: &none() }], false);
    assert_eq!(
        (bank_line.reasons, bank_line.candidate_lines),
        (vec![SeveralOriginals], vec![line.id]),
        "there may be others like it"
    );
}

#[test]
fn a_line_that_was_split_returned_or_may_be_a_duplicate_is_no_original() {
    for state in LineState::ALL {
        let mut line = known(1, 10_000, ("2026-03-01", "k1", "", ""));
        line.state = state;
        let mut bank_line = known(99, -10_000, ("2026-03-31", "k1", "", ""));
        find_original(
            &mut bank_line,
            &References::new(),
            &[Compared { line: &line, references: &References::new() }],
            true,
        );
        let can = !matches!(
            state,
            LineState::Split
                | LineState::Returned
                | LineState::SuspectedDuplicate
                | LineState::Unmatching
        );
        assert_eq!(bank_line.returned_line.is_some(), can, "{state:?}");
    }
}

#[test]
fn what_the_returned_line_paid_is_open_again_and_the_line_stays_returned() {
    let mut open = invoices(&[10_000]);
    let mut original = line(11_000);
    let mut payment = payment_of(&mut original, &mut open);
    let mut by = known(99, -11_000, ("2026-03-31", "", "", ""));
    by.return_line(&original).unwrap();
    assert_eq!((by.state, by.returned_line), (LineState::Matched, Some(original.id)));
    let taking =
        Taking { payment: Some(&mut payment), invoices: &mut open, collect_at: NOW, now: NOW };
    let taken = original.take_back(&by, &mut ids(), taking).unwrap().unwrap().taken;
    assert_eq!(
        (taken.surplus, open[0].state, original.state),
        (usd(1_000), InvoiceState::Open, LineState::Unmatching)
    );
    assert_eq!(
        by.clone().undo_return(&mut original).unwrap_err().reason,
        Reason::PAYMENT_PENDING,
        "the wallet has not booked it back"
    );
    original.unmatched();
    assert_eq!(
        (original.state, original.returned_by, original.payment),
        (LineState::Returned, Some(by.id), None)
    );
    assert_eq!(original.match_to(&[&open[0]]).unwrap_err().reason, Reason::BANK_LINE_STATE);
    by.undo_return(&mut original).unwrap();
    assert_eq!((by.state, by.returned_line), (LineState::Unmatched, None));
    assert_eq!((original.state, original.returned_by), (LineState::Unmatched, None));
    original.match_to(&[&open[0]]).unwrap();
}

#[test]
fn a_second_return_of_one_line_takes_nothing_and_is_free_again() {
    let nothing = Taking { payment: None, invoices: &mut [], collect_at: NOW, now: NOW };
    let (mut first, mut second) = (
        known(98, -10_000, ("2026-03-30", "", "", "")),
        known(99, -10_000, ("2026-03-31", "", "", "")),
    );
    let mut original = line(10_000);
    first.return_line(&original).unwrap();
    second.return_line(&original).unwrap();
    original.take_back(&first, &mut ids(), nothing).unwrap();
    second.undo_return(&mut original).unwrap();
    assert_eq!((second.state, second.returned_line), (LineState::Unmatched, None));
    assert_eq!(
        (original.state, original.returned_by),
        (LineState::Returned, Some(first.id)),
        "the other one stands"
    );
    first.undo_return(&mut original).unwrap();
    assert_eq!(original.state, LineState::Unmatched);
}

#[test]
fn a_line_that_has_not_paid_is_returned_at_once_and_one_that_cannot_be_is_for_a_person() {
    let nothing = || Taking { payment: None, invoices: &mut [], collect_at: NOW, now: NOW };
    let mut by = known(99, -10_000, ("2026-03-31", "", "", ""));
    let mut dismissed = line(10_000);
    dismissed.dismiss(Dismissal::Other, "x".into()).unwrap();
    for mut original in [line(10_000), dismissed] {
        assert_eq!(original.take_back(&by, &mut ids(), nothing()), Ok(None));
        assert_eq!((original.state, original.returned_by), (LineState::Returned, Some(by.id)));
        assert_eq!(
            original.take_back(&by, &mut ids(), nothing()).unwrap_err().reason,
            Reason::BANK_LINE_STATE,
            "once"
        );
    }
    let mut open = invoices(&[10_000]);
    let mut matched = line(10_000);
    matched.match_to(&[&open[0]]).unwrap();
    assert_eq!(
        matched.clone().take_back(&by, &mut ids(), nothing()),
        Ok(None),
        "its payment was never made"
    );
    let (mut payment, _) = matched.pay(&mut ids(), &mut open, usd(0), NOW).unwrap();
    let taking =
        Taking { payment: Some(&mut payment), invoices: &mut open, collect_at: NOW, now: NOW };
    assert_eq!(
        matched.take_back(&by, &mut ids(), taking).unwrap_err().reason,
        Reason::PAYMENT_PENDING
    );
    by.return_line(&matched).unwrap();
    by.original_not_returnable();
    assert_eq!(
        (by.state, by.returned_line, &by.candidate_lines),
        (LineState::Suggested, None, &vec![matched.id])
    );
    assert_eq!(by.reasons, [SuggestReason::OriginalNotReturnable]);
}

#[test]
fn a_return_pays_nothing_and_a_credit_takes_nothing_back() {
    let open = invoices(&[10_000]);
    let returned = || known(99, -10_000, ("2026-03-31", "", "", ""));
    assert_eq!(returned().match_to(&[&open[0]]).unwrap_err().reason, Reason::BANK_LINE_DIRECTION);
    assert_eq!(
        returned().credit_to(open[0].customer).unwrap_err().reason,
        Reason::BANK_LINE_DIRECTION
    );
    assert_eq!(
        returned().split(&mut ids(), &[usd(-5_000), usd(-5_000)], None, NOW).unwrap_err().reason,
        Reason::BANK_LINE_DIRECTION
    );
    assert_eq!(
        line(10_000).return_line(&line(10_000)).unwrap_err().reason,
        Reason::BANK_LINE_DIRECTION
    );
    assert_eq!(
        returned().return_line(&returned()).unwrap_err().reason,
        Reason::BANK_LINE_DIRECTION
    );
    assert_eq!(
        returned().return_line(&line(9_999)).unwrap_err().reason,
        Reason::RETURN_AMOUNT_DIFFERS
    );
    returned().dismiss(Dismissal::Other, "a fee".into()).unwrap();
}
