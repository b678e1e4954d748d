//! Transfers back: along the edges only, to the payer's account only, with tax to the cent.

use super::{
    Credit, PayeeAccount, RefundState, RefundVerb, TransferRefund,
    ask::ToGoBack,
    edges::{allowed, target},
    line_of, must_not_go_back,
    went_out::{SentAs, WentOut, goes_from},
};
use crate::{
    Invoice, InvoiceState, Payment, TenderState,
    bank::{BankLine, Shown},
    number::{INVOICES, Series},
    payment::tests::{customer, invoices, tenant},
    tenant::TaxRule,
    top_up::TopUp,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Currency, Id, IdSource, Money, Reason};
use proptest::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn usd(cents: i64) -> Money {
    Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
}

fn ids(seed: usize) -> IdSource {
    IdSource::new(NOW, b"seed", &seed.to_string())
}

fn account(key: &str) -> PayeeAccount {
    PayeeAccount { key: key.to_owned(), end: "3000".to_owned() }
}

/// The invoice of a top-up with 10 % of tax in it.
fn order(cents: i64) -> Invoice {
    let (mut tenant, customer, mut series) = (tenant(), customer(), Series::new(INVOICES));
    tenant.tax_rules = vec![TaxRule {
        country: customer.country.clone(),
        rate_percent: Decimal::TEN,
        sentence: String::new(),
        category: String::new(),
        with_tax_id: false,
    }];
    let top_up = TopUp {
        company_name: "Brightside Pty".into(),
        address: None,
        company_id: String::new(),
        email: "accounts@brightside.example".into(),
        contact_name: "Ann".into(),
        phone: "+61 2 5550 1234".into(),
        taxed: true,
    };
    let today = "2026-06-01".parse().unwrap();
    Invoice::raise(
        Id::from_uuid(Uuid::from_u128(1)),
        (&tenant, &customer),
        (usd(cents), "Credit", top_up),
        (&mut series, today),
        NOW,
    )
    .unwrap()
}

/// The line that pays invoices, and its payment.
fn paid(cents: i64, payer: &str, owned: &mut [Invoice]) -> (BankLine, Payment) {
    let shown = Shown {
        payer_key: payer.to_owned(),
        ..Shown::plain("2026-06-02".parse().unwrap(), usd(cents))
    };
    let mut line = BankLine::new(Id::from_uuid(Uuid::from_u128(2)), shown, NOW);
    if owned.is_empty() {
        line.credit_to(customer().id).unwrap();
    } else {
        line.match_to(&owned.iter().collect::<Vec<_>>()).unwrap();
    }
    let (mut payment, _) = line.pay(&mut ids(0), owned, usd(0), NOW).unwrap();
    payment.tenders[0].state = TenderState::Succeeded;
    payment.close(owned, NOW).unwrap();
    (line, payment)
}

fn ask(
    held: &(BankLine, Payment),
    from: Credit,
    cents: i64,
    key: &str,
    earlier: &[TransferRefund],
) -> Result<TransferRefund, Reason> {
    let back = ToGoBack {
        payment: &held.1,
        line: &held.0,
        from,
        credit: usd(cents),
        account: account(key),
        account_evidence: String::new(),
        asked_by: "ann".to_owned(),
        explanation: "Closed".to_owned(),
        earlier,
    };
    TransferRefund::ask(&mut ids(earlier.len() + 1), back, NOW).map_err(|refusal| refusal.reason)
}

fn sent(refund: &mut TransferRefund) {
    refund.reserved(None, NOW).unwrap();
    refund.send(Uuid::max(), "2026-06-05".parse().unwrap(), String::new(), NOW).unwrap();
    refund.ended(("2026-06-05".parse().unwrap(), NOW)).unwrap();
}

#[test]
fn it_goes_along_its_edges_only() {
    let held = paid(5_000, "payer", &mut []);
    let made = ask(&held, Credit::Surplus, 2_000, "payer", &[]).unwrap();
    let day = "2026-06-05".parse().unwrap();
    for state in RefundState::ALL {
        let with = TransferRefund { state, ..made.clone() };
        let after = |change: &dyn Fn(&mut TransferRefund) -> bool| {
            let mut transfer_refund = with.clone();
            change(&mut transfer_refund).then_some(transfer_refund.state)
        };
        assert_eq!(
            after(&|transfer_refund| transfer_refund
                .send(Uuid::nil(), day, String::new(), NOW)
                .is_ok()),
            target(state, RefundVerb::Send),
            "{state:?}"
        );
        assert_eq!(
            after(&|transfer_refund| transfer_refund.cancel(Uuid::nil(), NOW).is_ok()),
            target(state, RefundVerb::Cancel)
        );
        assert_eq!(
            after(&|transfer_refund| transfer_refund.reserved(None, NOW).is_ok()),
            target(state, RefundVerb::Reserve)
        );
        assert_eq!(
            after(&|transfer_refund| transfer_refund.reserved(Some("X".into()), NOW).is_ok()),
            target(state, RefundVerb::Refuse)
        );
        let end = target(state, RefundVerb::Book).or(target(state, RefundVerb::Release));
        assert_eq!(after(&|transfer_refund| transfer_refund.ended((day, NOW)).is_ok()), end);
        assert_eq!(
            after(&|transfer_refund| transfer_refund.confirm_account("bob", NOW).is_ok()),
            target(state, RefundVerb::Confirm)
        );
        assert_eq!(
            after(&|transfer_refund| transfer_refund.came_back(held.0.id, day, NOW).is_ok()),
            target(state, RefundVerb::Return)
        );
        assert_eq!(
            after(&|transfer_refund| transfer_refund.did_not_come_back(NOW).is_ok()),
            target(state, RefundVerb::Restore)
        );
    }
    assert_eq!(allowed(RefundState::Pending), ["MarkRefundSent", "CancelRefund"]);
    assert!(allowed(RefundState::Sent).is_empty());
}

#[test]
fn it_goes_to_the_account_that_the_money_came_from_and_nowhere_else() {
    let held = paid(5_000, "payer", &mut []);
    assert_eq!(
        ask(&held, Credit::Surplus, 2_000, "other", &[]).unwrap_err(),
        Reason::PAYER_ACCOUNT_DIFFERS
    );
    assert_eq!(
        ask(&held, Credit::Surplus, 2_000, "", &[]).unwrap_err(),
        Reason::PAYER_ACCOUNT_DIFFERS
    );
    let unknown = paid(5_000, "", &mut []);
    assert_eq!(
        ask(&unknown, Credit::Surplus, 2_000, "", &[]).unwrap_err(),
        Reason::PAYER_ACCOUNT_UNKNOWN
    );
    let made = ask(&held, Credit::Surplus, 2_000, "payer", &[]).unwrap();
    assert!(made.reference.starts_with("RF") && made.reference.len() == 18, "{}", made.reference);
    assert_eq!(line_of(&held.1), Some(held.0.id));
}

#[test]
fn only_what_a_transfer_had_become_goes_back() {
    let mut debts = invoices(&[10_000]);
    let held = paid(12_000, "payer", &mut debts);
    assert_eq!(
        ask(&held, Credit::TopUp, 1_000, "payer", &[]).unwrap_err(),
        Reason::TRANSFER_CREDIT_REQUIRED,
        "it bought nothing"
    );
    assert_eq!(
        ask(&held, Credit::Surplus, 2_001, "payer", &[]).unwrap_err(),
        Reason::REFUND_TOO_LARGE,
        "invoices keep what is theirs"
    );
    let first = ask(&held, Credit::Surplus, 1_500, "payer", &[]).unwrap();
    let earlier = [first];
    assert_eq!(
        ask(&held, Credit::Surplus, 501, "payer", &earlier).unwrap_err(),
        Reason::REFUND_TOO_LARGE
    );
    let given_up = [TransferRefund { state: RefundState::Cancelled, ..earlier[0].clone() }];
    assert!(ask(&held, Credit::Surplus, 2_000, "payer", &given_up).is_ok());
    let mut unmatching = held.clone();
    unmatching.0.unmatch(&mut ids(9), Some(&mut unmatching.1), &mut debts, NOW, NOW).unwrap();
    assert_eq!(
        ask(&unmatching, Credit::Surplus, 100, "payer", &[]).unwrap_err(),
        Reason::BANK_LINE_STATE
    );
}

#[test]
fn what_went_back_keeps_the_line_from_being_taken_back() {
    let held = paid(5_000, "payer", &mut []);
    let made = ask(&held, Credit::Surplus, 2_000, "payer", &[]).unwrap();
    for state in RefundState::ALL {
        let kept = must_not_go_back(&[TransferRefund { state, ..made.clone() }])
            .map_err(|refusal| refusal.reason);
        let free = matches!(state, RefundState::Cancelled | RefundState::Refused);
        assert_eq!(kept, if free { Ok(()) } else { Err(Reason::PAYMENT_REFUNDED) }, "{state:?}");
    }
}

proptest! {
    /// In whatever parts it goes back, credit, tax, invoice and payment come to what they were, and
    /// each part has its share of the tax.
    #[test]
    fn parts_come_to_the_whole_with_its_tax(price in 10_i64..50_000, cuts in proptest::collection::vec(1_i64..100, 1..6)) {
        let mut owned = [order(price)];
        let (line, mut payment) = paid(price, "payer", &mut owned);
        let (whole, tax) = (payment.bought.unwrap().amount, payment.bought.unwrap().tax);
        let credit = whole.minus(tax).unwrap();
        let mut left = credit.micros() / 10_000;
        let (mut refunds, mut gone): (Vec<TransferRefund>, i64) = (Vec::new(), 0);
        for (turn, cut) in cuts.iter().chain([&100]).enumerate() {
            let part = if turn == cuts.len() { left } else { left * cut / 100 };
            if part == 0 {
                continue;
            }
            left -= part;
            gone += part;
            let held = (line.clone(), payment.clone());
            let mut refund = ask(&held, Credit::TopUp, part, "payer", &refunds).unwrap();
            let so_far = refunds.iter().map(|transfer_refund| transfer_refund.tax.micros()).sum::<i64>() + refund.tax.micros();
            let exact = tax.amount() * Decimal::from(gone) / Decimal::from(credit.micros() / 10_000);
            prop_assert!((Decimal::from(so_far) / Decimal::from(1_000_000) - exact).abs() <= Decimal::new(5, 3));
            sent(&mut refund);
            let note = payment.transferred_back(&refund, &mut owned[0], NOW).unwrap();
            prop_assert_eq!((note[0].net, note[0].tax), (refund.credit, refund.tax));
            prop_assert!(owned[0].open().unwrap().is_zero());
            refunds.push(refund);
        }
        prop_assert_eq!(refunds.iter().map(|transfer_refund| transfer_refund.tax.micros()).sum::<i64>(), tax.micros());
        prop_assert_eq!((owned[0].state, owned[0].paid, owned[0].credited), (InvoiceState::Void, usd(0), whole));
        prop_assert_eq!((owned[0].amounts.taxes[0].credited_tax, owned[0].paid_by_day.len()), (tax, 0));
        prop_assert_eq!((payment.bought, payment.allocations[0].refunded, payment.tenders[0].refunded), (None, whole, whole));
    }
}

/// What a bank's file shows with the reference of a transfer back confirms it only as it was to be
/// made; whatever became of it, nothing that went out is passed over.
#[test]
fn what_went_out_with_its_reference_is_known_in_every_state() {
    let held = paid(5_000, "payer", &mut []);
    let made = ask(&held, Credit::Surplus, 2_000, "payer", &[]).unwrap();
    let day = |text: &str| text.parse::<chrono::NaiveDate>().unwrap();
    let shown = WentOut {
        amount: usd(2_000),
        account_key: "payer",
        booked_on: day("2026-06-05"),
        bank_reference: "B-1",
    };
    let of = |transfer_refund: &TransferRefund, shown: WentOut<'_>| {
        transfer_refund.sent_as(shown, Some(day("2026-06-02"))).unwrap()
    };
    for (state, expected) in [
        (RefundState::Reserving, SentAs::Unconfirmed),
        (RefundState::Confirming, SentAs::Unconfirmed),
        (RefundState::Pending, SentAs::Confirms),
        (RefundState::Sending, SentAs::MarkedAsSent),
        (RefundState::Sent, SentAs::MarkedAsSent),
        (RefundState::Returned, SentAs::CameBack),
        (RefundState::Cancelling, SentAs::GivenUp),
        (RefundState::Cancelled, SentAs::GivenUp),
        (RefundState::Refused, SentAs::GivenUp),
    ] {
        let transfer_refund =
            TransferRefund { state, sent_on: Some(day("2026-06-05")), ..made.clone() };
        assert_eq!(of(&transfer_refund, shown), expected, "{state:?}");
        assert_eq!(
            of(&transfer_refund, WentOut { amount: usd(2_001), ..shown }),
            SentAs::OtherAmount,
            "{state:?}"
        );
        assert_eq!(
            of(&transfer_refund, WentOut { account_key: "", ..shown }),
            SentAs::OtherAccount,
            "{state:?}"
        );
    }
    let mut transfer_refund = made.clone();
    transfer_refund.reserved(None, NOW).unwrap();
    assert_eq!(
        of(&transfer_refund, WentOut { booked_on: day("2026-06-01"), ..shown }),
        SentAs::BeforeItCame
    );
    assert_eq!(
        goes_from(Some(day("2026-06-09")), day("2026-06-02")),
        Some(day("2026-06-02")),
        "a bank may book ahead of its day"
    );
    transfer_refund.send(Uuid::max(), day("2026-06-05"), "B-1".into(), NOW).unwrap();
    transfer_refund.ended((day("2026-06-05"), NOW)).unwrap();
    assert_eq!(of(&transfer_refund, shown), SentAs::MarkedAsSent);
    for other in [
        WentOut { booked_on: day("2026-06-08"), ..shown },
        WentOut { bank_reference: "B-2", ..shown },
    ] {
        assert_eq!(
            of(&transfer_refund, other),
            SentAs::MarkedOtherwise,
            "it may have gone out twice"
        );
    }
    transfer_refund.came_back(held.0.id, day("2026-06-10"), NOW).unwrap();
    assert_eq!(
        of(&transfer_refund, WentOut { booked_on: day("2026-06-12"), ..shown }),
        SentAs::SentAgain
    );
}
