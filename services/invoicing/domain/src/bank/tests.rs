//! Lines through all states, and evaluations reason by reason.

use super::{
    Automation, BankLine, Dismissal, Evaluation, LineState, Named, RefundOfCustomer, Shown,
    SuggestReason, evaluate,
};
use crate::{Customer, Invoice, InvoiceState, Payment, TenderState, payment::tests::invoices};
use chrono::{DateTime, Utc};
use payterms_kernel::{Currency, Id, IdSource, Money, Reason};
use std::collections::BTreeSet;
use uuid::Uuid;

pub(super) const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

pub(super) fn usd(cents: i64) -> Money {
    Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
}

pub(super) fn ids() -> IdSource {
    IdSource::new(NOW, b"seed", "test")
}

pub(super) fn line(cents: i64) -> BankLine {
    let shown = Shown::plain("2026-01-01".parse().unwrap(), usd(cents));
    BankLine::new(Id::from_uuid(Uuid::nil()), shown, NOW)
}

fn ended(payment: &mut Payment, invoices: &mut [Invoice]) {
    payment.tenders[0].state = TenderState::Succeeded;
    payment.close(invoices, NOW).unwrap();
}

pub(super) fn payment_of(line: &mut BankLine, invoices: &mut [Invoice]) -> Payment {
    line.match_to(&invoices.iter().collect::<Vec<_>>()).unwrap();
    let (mut payment, short) = line.pay(&mut ids(), invoices, usd(10_000), NOW).unwrap();
    assert_eq!(short, None, "only top-ups are forgiven a bank's fees");
    ended(&mut payment, invoices);
    payment
}

#[test]
fn what_arrives_pays_what_it_can_and_the_rest_is_credit() {
    let mut open = invoices(&[10_000]);
    for (cents, allocated, left) in [(6_000, 6_000, 4_000), (5_000, 4_000, 0), (700, 0, 0)] {
        let mut line = line(cents);
        let payment = payment_of(&mut line, &mut open);
        let paid: i64 =
            payment.allocations.iter().map(|allocation| allocation.paid.micros() / 10_000).sum();
        assert_eq!(
            (paid, payment.surplus, open[0].open().unwrap()),
            (allocated, usd(cents - allocated), usd(left))
        );
        assert_eq!(line.match_to(&[&open[0]]).unwrap_err().reason, Reason::BANK_LINE_STATE);
    }
    assert_eq!(open[0].state, InvoiceState::Paid);
}

#[test]
fn a_line_pays_all_that_it_names_the_oldest_due_first() {
    for (cents, paid, surplus) in [
        (20_000, [10_000, 10_000], 0),
        (13_000, [10_000, 3_000], 0),
        (21_000, [10_000, 10_000], 1_000),
    ] {
        let mut open = invoices(&[10_000, 10_000]);
        let payment = payment_of(&mut line(cents), &mut open);
        let amounts: Vec<_> =
            payment.allocations.iter().map(|allocation| allocation.paid).collect();
        assert_eq!((amounts, payment.surplus), (paid.map(usd).to_vec(), usd(surplus)), "{cents}");
    }
}

#[test]
fn what_a_line_paid_is_taken_back_whole_and_it_can_be_matched_anew() {
    let mut open = invoices(&[10_000, 10_000]);
    let mut line = line(21_000);
    let mut payment = payment_of(&mut line, &mut open);
    line.unmatch(&mut ids(), Some(&mut payment), &mut open, NOW, NOW).unwrap();
    assert!(open.iter().all(
        |invoice| invoice.state == InvoiceState::Open && invoice.open().unwrap() == usd(10_000)
    ));
    let taken = line.taken_back.unwrap();
    assert_eq!(
        (taken.surplus, payment.surplus, payment.tenders[0].charged_back),
        (usd(1_000), usd(0), usd(21_000))
    );
    assert_eq!(
        line.match_to(&[&open[0]]).unwrap_err().reason,
        Reason::BANK_LINE_STATE,
        "until the wallet has booked it back"
    );
    line.unmatched();
    assert_eq!((line.state, line.payment, line.customer), (LineState::Unmatched, None, None));
    let again = payment_of(&mut line, &mut open[..1]);
    assert_eq!((again.surplus, open[0].state), (usd(11_000), InvoiceState::Paid));
}

#[test]
fn nothing_is_taken_back_under_way_or_after_a_refund() {
    let mut open = invoices(&[10_000]);
    let mut matched = line(10_000);
    matched.match_to(&[&open[0]]).unwrap();
    assert_eq!(
        matched.unmatch(&mut ids(), None, &mut open, NOW, NOW).unwrap_err().reason,
        Reason::PAYMENT_PENDING
    );
    let (mut payment, _) = matched.pay(&mut ids(), &mut open, usd(0), NOW).unwrap();
    assert_eq!(
        matched.unmatch(&mut ids(), Some(&mut payment), &mut open, NOW, NOW).unwrap_err().reason,
        Reason::PAYMENT_PENDING
    );
    ended(&mut payment, &mut open);
    payment.allocations[0].refunded = usd(100);
    assert_eq!(
        matched.unmatch(&mut ids(), Some(&mut payment), &mut open, NOW, NOW).unwrap_err().reason,
        Reason::PAYMENT_REFUNDED
    );
    assert_eq!(
        line(1).unmatch(&mut ids(), None, &mut open, NOW, NOW).unwrap_err().reason,
        Reason::BANK_LINE_STATE
    );
}

fn reasons(
    cents: i64,
    named: &[&Invoice],
    before: &[Id<Customer>],
    automation: Automation,
) -> Vec<SuggestReason> {
    let paid_before_for: BTreeSet<_> = before.iter().copied().collect();
    let named = Named {
        amount: usd(cents),
        invoices: named.to_vec(),
        stated: Vec::new(),
        paid_before_for: &paid_before_for,
        collected_meanwhile: Vec::new(),
        parts_differ: false,
    };
    match evaluate(&named, automation).unwrap() {
        Evaluation::Suggests { reasons, .. } => reasons,
        Evaluation::Pays { .. } => Vec::new(),
        Evaluation::Nothing => panic!("it names something"),
    }
}

#[test]
fn what_is_doubtful_is_for_a_person() {
    let open = invoices(&[10_000, 10_000]);
    let all: Vec<_> = open.iter().collect();
    let (payer, other) = (open[0].customer, Id::from_uuid(Uuid::max()));
    let mut foreign = invoices(&[10_000]).remove(0);
    (foreign.id, foreign.customer) = (Id::from_uuid(Uuid::max()), other);
    let mut paid = open[0].clone();
    paid.state = InvoiceState::Paid;
    let by_reference = Automation::Reference;
    for (cents, named, before, automation, expected) in [
        (20_000, all.clone(), vec![], by_reference, vec![]),
        (22_000, all.clone(), vec![], by_reference, vec![]),
        (22_001, all.clone(), vec![], by_reference, vec![SuggestReason::AmountAboveNamed]),
        (22_001, all.clone(), vec![payer], by_reference, vec![]),
        (20_000, all.clone(), vec![other], by_reference, vec![SuggestReason::OtherPayer]),
        (20_000, all.clone(), vec![payer, other], by_reference, vec![]),
        (
            20_000,
            vec![&open[0], &foreign],
            vec![],
            by_reference,
            vec![SuggestReason::SeveralCustomers],
        ),
        (10_000, vec![&paid], vec![], by_reference, vec![SuggestReason::InvoiceNotOpen]),
        (10_000, vec![&open[0]], vec![], Automation::Off, vec![SuggestReason::AutomationOff]),
        (10_000, vec![&open[0]], vec![], Automation::ReferenceAndAmount, vec![]),
        (
            9_999,
            vec![&open[0]],
            vec![],
            Automation::ReferenceAndAmount,
            vec![SuggestReason::AmountDiffers],
        ),
    ] {
        assert_eq!(reasons(cents, &named, &before, automation), expected, "{cents} {automation:?}");
    }
    let nobody = BTreeSet::new();
    let nothing = Named {
        amount: usd(1),
        invoices: Vec::new(),
        stated: Vec::new(),
        paid_before_for: &nobody,
        collected_meanwhile: Vec::new(),
        parts_differ: false,
    };
    assert_eq!(evaluate(&nothing, by_reference), Ok(Evaluation::Nothing));
}

#[test]
fn a_person_splits_dismisses_and_credits() {
    let mut whole = line(10_000);
    let wrong = whole.split(&mut ids(), &[usd(6_000), usd(3_000)], None, NOW).unwrap_err();
    assert_eq!(wrong.violations[0].reason, Reason::PARTS_MISMATCH);
    let parts = whole.split(&mut ids(), &[usd(6_000), usd(4_000)], None, NOW).unwrap();
    assert!(
        parts
            .iter()
            .all(|part| part.part_of == Some(whole.id) && part.state == LineState::Unmatched)
    );
    assert_ne!(parts[0].shown.reference, parts[1].shown.reference);
    assert_eq!(
        whole.dismiss(Dismissal::Other, "x".into()).unwrap_err().reason,
        Reason::BANK_LINE_STATE,
        "its parts stand for it"
    );

    let mut may_be_a_refund = line(10_000);
    let refund = Some(RefundOfCustomer {
        refund: Id::from_uuid(Uuid::nil()),
        customer: Id::from_uuid(Uuid::nil()),
    });
    may_be_a_refund.refund = refund;
    for (sent, expected) in [(4_000, [None, refund]), (5_000, [refund, refund])] {
        let parts = may_be_a_refund
            .clone()
            .split(&mut ids(), &[usd(6_000), usd(4_000)], Some(usd(sent)), NOW)
            .unwrap();
        assert_eq!(
            parts.iter().map(|part| part.refund).collect::<Vec<_>>(),
            expected,
            "the part of its amount, or else each"
        );
    }

    let mut other = line(10_000);
    other.dismiss(Dismissal::Interest, "of the bank".into()).unwrap();
    assert_eq!((other.state, other.dismissal), (LineState::Dismissed, Some(Dismissal::Interest)));

    // What was dismissed by mistake is credited after all.
    other.credit_to(Id::from_uuid(Uuid::nil())).unwrap();
    let (mut payment, _) = other.pay(&mut ids(), &mut [], usd(0), NOW).unwrap();
    ended(&mut payment, &mut []);
    assert_eq!((payment.surplus, other.dismissal), (usd(10_000), None));
}

#[test]
fn a_suspected_duplicate_pays_nothing_until_a_person_says_what_it_is() {
    let known = Id::from_uuid(Uuid::max());
    let mut line = line(100);
    line.suspect(known);
    assert_eq!((line.state, line.duplicate_of), (LineState::SuspectedDuplicate, Some(known)));
    let refused = line.credit_to(Id::from_uuid(Uuid::nil())).unwrap_err();
    assert_eq!(
        (refused.reason, refused.message.contains("ConfirmBankLine")),
        (Reason::BANK_LINE_STATE, true),
        "{}",
        refused.message
    );
    let mut confirmed = line.clone();
    confirmed.confirm().unwrap();
    assert_eq!((confirmed.state, confirmed.duplicate_of), (LineState::Unmatched, None));
    assert!(confirmed.confirm().is_err(), "once");
    line.dismiss(Dismissal::Duplicate, String::new()).unwrap();
    assert_eq!(line.state, LineState::Dismissed);
}

#[test]
fn what_was_collected_meanwhile_takes_the_money_as_credit() {
    let mut these_invoices = invoices(&[10_000, 5_000]);
    these_invoices[0].state = InvoiceState::Paid;
    these_invoices[0].paid = usd(10_000);
    let nobody = BTreeSet::new();
    for (cents, collected, of, expected) in [
        (10_000, 10_000, 1, vec![]),
        (10_000, 0, 1, vec![SuggestReason::InvoiceNotOpen]),
        (11_001, 10_000, 1, vec![SuggestReason::AmountAboveNamed]),
        (15_000, 10_000, 2, vec![]),
    ] {
        let collected_meanwhile =
            if collected > 0 { vec![(these_invoices[0].id, usd(collected))] } else { Vec::new() };
        let invoices: Vec<_> = these_invoices[..of].iter().collect();
        let named = Named {
            amount: usd(cents),
            invoices,
            stated: Vec::new(),
            paid_before_for: &nobody,
            collected_meanwhile,
            parts_differ: false,
        };
        let found = match evaluate(&named, Automation::ReferenceAndAmount).unwrap() {
            Evaluation::Suggests { reasons, .. } => reasons
                .into_iter()
                .filter(|suggest_reason| *suggest_reason != SuggestReason::AmountDiffers)
                .collect(),
            _ => Vec::new(),
        };
        assert_eq!(found, expected, "{cents} of {collected}");
    }
    let payment = payment_of(&mut line(15_000), &mut these_invoices);
    assert_eq!((payment.surplus, these_invoices[1].state), (usd(10_000), InvoiceState::Paid));
}
