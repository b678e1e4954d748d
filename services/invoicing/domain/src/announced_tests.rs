//! Announced transfers: what comes pays, what does not is given up; and what was paid elsewhere.

use super::Announcements;
use crate::{
    BankLine, InvoiceState, Payment, PaymentState, TenderState,
    bank::{Shown, announced_number, numbers_in},
    payment::{
        PaymentRequest, Source, ask,
        tests::{customer, invoices},
    },
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Currency, Id, IdSource, Money, Reason};
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn usd(cents: i64) -> Money {
    Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
}

fn ids() -> IdSource {
    IdSource::new(NOW, b"seed", "test")
}

fn line(cents: i64) -> BankLine {
    let shown = Shown::plain("2026-06-02".parse().unwrap(), usd(cents));
    BankLine::new(Id::from_uuid(Uuid::max()), shown, NOW)
}

#[test]
fn an_announced_transfer_pays_what_came_or_is_cancelled() {
    for (came, state, open, surplus) in [
        (10_000, PaymentState::Succeeded, 0, 0),
        (6_000, PaymentState::Partial, 4_000, 0),
        (12_000, PaymentState::Succeeded, 0, 2_000),
    ] {
        let mut these_invoices = invoices(&[10_000]);
        let asked = PaymentRequest {
            invoices: Vec::new(),
            tenders: vec![(Source::Announced, None)],
            surplus_allowed: true,
            deferred_on: None,
        };
        let mut payment = ask(&mut ids(), customer().id, &mut these_invoices, &asked, NOW).unwrap();
        assert!(payment.is_announced() && these_invoices[0].payable().unwrap().is_zero());
        payment.arrived(&mut line(came), &mut these_invoices, NOW).unwrap();
        assert!(!payment.is_announced());
        payment.tenders[0].state = TenderState::Succeeded;
        payment.close(&mut these_invoices, NOW).unwrap();
        assert_eq!(
            (payment.state, these_invoices[0].open().unwrap(), payment.surplus),
            (state, usd(open), usd(surplus)),
            "{came}"
        );
    }
    let mut these_invoices = invoices(&[10_000]);
    let asked = PaymentRequest {
        invoices: Vec::new(),
        tenders: vec![(Source::Announced, None)],
        surplus_allowed: true,
        deferred_on: None,
    };
    let mut payment = ask(&mut ids(), customer().id, &mut these_invoices, &asked, NOW).unwrap();
    payment.cancel(&mut these_invoices, NOW).unwrap();
    assert_eq!(
        (payment.state, these_invoices[0].payable().unwrap()),
        (PaymentState::Cancelled, usd(10_000))
    );
    let again = payment.cancel(&mut these_invoices, NOW).unwrap_err();
    assert_eq!(
        (again.reason, again.message.as_str()),
        (Reason::PAYMENT_STATE, "The payment is CANCELLED. Allowed now: nothing more.")
    );
}

#[test]
fn what_is_announced_after_one_that_came_to_nothing_reserves_when_it_comes() {
    let asked = PaymentRequest {
        invoices: Vec::new(),
        tenders: vec![(Source::Announced, None)],
        surplus_allowed: true,
        deferred_on: None,
    };
    // What is paid meanwhile, what comes, and what becomes of it.
    for (paid, came, state, open, surplus) in [
        (0, 10_000, PaymentState::Succeeded, 0, 0),
        (0, 6_000, PaymentState::Partial, 4_000, 0),
        (0, 12_000, PaymentState::Succeeded, 0, 2_000),
        (3_000, 10_000, PaymentState::Succeeded, 0, 3_000),
        (10_000, 10_000, PaymentState::Succeeded, 0, 10_000),
    ] {
        let mut these_invoices = invoices(&[10_000]);
        ask(&mut ids(), customer().id, &mut these_invoices, &asked, NOW)
            .unwrap()
            .cancel(&mut these_invoices, NOW)
            .unwrap();
        assert_eq!(these_invoices[0].announcements, Announcements::InVain);
        let mut again = ask(&mut ids(), customer().id, &mut these_invoices, &asked, NOW).unwrap();
        assert_eq!(
            (these_invoices[0].pending, these_invoices[0].announcements, again.tenders[0].amount),
            (usd(0), Announcements::Again, usd(10_000))
        );
        let third =
            PaymentRequest { invoices: vec![(these_invoices[0].id, None)], ..asked.clone() };
        assert_eq!(
            ask(&mut ids(), customer().id, &mut these_invoices, &third, NOW).unwrap_err().reason,
            Reason::PAYMENT_PENDING
        );
        assert_eq!(
            ask(&mut ids(), customer().id, &mut these_invoices, &asked, NOW).unwrap_err().reason,
            Reason::NOTHING_PAYABLE
        );
        if paid > 0 {
            Payment::outside(
                &mut ids(),
                &mut these_invoices,
                Vec::new(),
                Some(usd(paid)),
                String::new(),
                "2026-01-03".parse().unwrap(),
                NOW,
            )
            .unwrap();
        }
        again.arrived(&mut line(came), &mut these_invoices, NOW).unwrap();
        again.tenders[0].state = TenderState::Succeeded;
        again.close(&mut these_invoices, NOW).unwrap();
        assert_eq!(
            (again.state, these_invoices[0].open().unwrap(), again.surplus),
            (state, usd(open), usd(surplus)),
            "{paid} {came}"
        );
        assert_eq!(
            (these_invoices[0].pending, these_invoices[0].announcements),
            (usd(0), Announcements::InVain)
        );
    }
}

#[test]
fn an_announcement_carries_its_invoices_reference_or_one_of_its_own() {
    for cents in [vec![10_000], vec![10_000, 2_000]] {
        let mut these_invoices = invoices(&cents);
        let asked = PaymentRequest {
            invoices: Vec::new(),
            tenders: vec![(Source::Announced, None)],
            surplus_allowed: true,
            deferred_on: None,
        };
        let mut payment = ask(&mut ids(), customer().id, &mut these_invoices, &asked, NOW).unwrap();
        payment.announce(&these_invoices, "Bank 1".into());
        let named = numbers_in(&format!("your {} thanks", payment.reference));
        assert!(
            payment.reference.starts_with("RF") && payment.reference.len() <= 25,
            "{}",
            payment.reference
        );
        let expected = if cents.len() == 1 {
            these_invoices[0].issue.as_ref().unwrap().number.clone()
        } else {
            announced_number(payment.id.uuid())
        };
        assert_eq!((named, payment.bank_details.as_str()), (vec![expected], "Bank 1"));
    }
}

#[test]
fn what_was_paid_elsewhere_pays_at_once_and_no_more_than_is_open() {
    let (mut these_invoices, day) = (invoices(&[10_000]), "2026-01-03".parse().unwrap());
    let payment = Payment::outside(
        &mut ids(),
        &mut these_invoices,
        Vec::new(),
        Some(usd(4_000)),
        "cash".into(),
        day,
        NOW,
    )
    .unwrap();
    assert_eq!((these_invoices[0].paid_by_day[0].on, payment.effective_on), (day, Some(day)));
    assert_eq!(
        (payment.state, these_invoices[0].paid, these_invoices[0].state),
        (PaymentState::Succeeded, usd(4_000), InvoiceState::Open)
    );
    let more = Payment::outside(
        &mut ids(),
        &mut these_invoices,
        Vec::new(),
        Some(usd(6_001)),
        String::new(),
        day,
        NOW,
    )
    .unwrap_err();
    assert_eq!(more.reason, Reason::OVERPAYMENT_NOT_ALLOWED);
}
