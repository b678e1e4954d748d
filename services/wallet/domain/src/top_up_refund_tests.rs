//! Tax and credit of refunds of top-ups, in parts and whole.

use super::{RefundRequest, TopUpRefund, TopUpRefundState, answered, ask, refundable};
use crate::{
    Account, Dispute, Hold, TaxKind, TopUp, TopUpState, Wallet, chargeback,
    dispute::{Decider, Disputed, Outcome, ProviderDispute},
    posting::{self, Debit},
    refund::Refunded,
    top_up::{Charged, ProviderCharge, Source, charged},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Currency, Id, IdSource, Money, Reason};
use rust_decimal::Decimal;
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn aud(text: &str) -> Money {
    Money::parse(Currency::parse("AUD").unwrap(), text).unwrap()
}

fn ids(seed: u32) -> IdSource {
    IdSource::new(NOW, b"seed", &seed.to_string())
}

/// A wallet into which a top-up with tax in it was bought.
fn bought(amount: &str, tax: &str) -> (TopUp, Wallet) {
    let mut wallet = Wallet::open(
        Id::from_uuid(Uuid::nil()),
        Id::from_uuid(Uuid::nil()),
        aud("0").currency(),
        NOW,
    );
    let mut top_up = TopUp {
        id: Id::from_uuid(Uuid::nil()),
        wallet: wallet.id,
        method: Id::from_uuid(Uuid::nil()),
        lot: None,
        expires_at: None,
        source: Source::Customer,
        state: TopUpState::Processing,
        amount: aud(amount),
        tax: aud(tax),
        refunded_credit: aud("0"),
        refunded_tax: aud("0"),
        tax_kind: TaxKind::TaxedSale,
        tax_rate: Decimal::TEN,
        tax_version: 1,
        tax_sentence: String::new(),
        decline_code: String::new(),
        provider_charge_id: String::new(),
        marks: payterms_kernel::Marks::default(),
        created_at: NOW,
        updated_at: NOW,
    };
    let answer = ProviderCharge { id: "ch".to_owned(), outcome: Charged::Succeeded };
    charged(&mut top_up, &mut wallet, &mut ids(0), answer, None, NOW).unwrap();
    (top_up, wallet)
}

fn request(credit: Option<&str>) -> RefundRequest {
    RefundRequest { credit: credit.map(aud), explanation: "Closed".to_owned() }
}

fn refund(
    top_up: &mut TopUp,
    wallet: &mut Wallet,
    seed: u32,
    credit: Option<&str>,
) -> (TopUpRefund, Hold) {
    ask(top_up, None, wallet, &mut ids(seed), request(credit), NOW).unwrap()
}

fn account(wallet: &Wallet, account: Account) -> Money {
    let entries = wallet
        .transfers
        .iter()
        .flat_map(|transfer| &transfer.entries)
        .filter(|entry| entry.account == account);
    entries.map(|entry| entry.amount).try_fold(aud("0"), Money::plus).unwrap()
}

#[test]
fn parts_give_back_the_tax_in_proportion_and_the_last_one_the_rest() {
    // 55.00 with 10 % tax are 50.00 of credit. A third of it three times: 1.67, 1.66, and the rest.
    let (mut top_up, mut wallet) = bought("55", "5");
    let mut taxes = Vec::new();
    for (seed, credit) in [(1, Some("16.67")), (2, Some("16.67")), (3, None)] {
        let (mut top_up_refund, mut hold) = refund(&mut top_up, &mut wallet, seed, credit);
        answered(
            &mut top_up,
            &mut top_up_refund,
            &mut hold,
            &mut wallet,
            &mut ids(seed + 10),
            Refunded::Succeeded,
            NOW,
        )
        .unwrap();
        taxes.push((top_up_refund.credit, top_up_refund.tax));
    }
    assert_eq!(
        taxes,
        [("16.67", "1.67"), ("16.67", "1.66"), ("16.66", "1.67")]
            .map(|(credit, tax)| (aud(credit), aud(tax)))
    );
    assert_eq!(
        (
            wallet.posted,
            account(&wallet, Account::TaxPayable),
            account(&wallet, Account::ProviderClearing)
        ),
        (aud("0"), aud("0"), aud("0"))
    );
    assert_eq!((top_up.refunded_credit, top_up.refunded_tax), (aud("50"), aud("5")));
    assert!(wallet.transfers.iter().all(|transfer| transfer.is_balanced().unwrap()));
}

#[test]
fn what_is_spent_held_or_owed_stays_and_only_whole_minor_units_go_back() {
    let (mut top_up, mut wallet) = bought("50", "0");
    let debit = Debit {
        amount: aud("10.005"),
        kind: crate::TransferKind::Usage,
        into_negative: false,
        description: String::new(),
    };
    posting::debit(&mut wallet, &mut ids(1), debit, NOW).unwrap();
    assert_eq!(refundable(&top_up, None, &wallet, NOW), Ok(aud("39.99")));
    wallet.lots[0].pinned = aud("9.99");
    assert_eq!(refundable(&top_up, None, &wallet, NOW), Ok(aud("30.00")));
    wallet.owed = aud("5");
    assert_eq!(refundable(&top_up, None, &wallet, NOW), Ok(aud("25.00")));
    let refused =
        ask(&mut top_up, None, &mut wallet, &mut ids(2), request(Some("25.01")), NOW).unwrap_err();
    assert_eq!(refused.reason, Reason::REFUND_TOO_LARGE);
    top_up.state = TopUpState::ChargedBack;
    assert_eq!(
        ask(&mut top_up, None, &mut wallet, &mut ids(3), request(None), NOW).unwrap_err().reason,
        Reason::TOP_UP_STATE
    );
}

#[test]
fn a_refund_that_the_method_does_not_accept_leaves_all_as_it_was() {
    let (mut top_up, mut wallet) = bought("55", "5");
    let (mut top_up_refund, mut hold) = refund(&mut top_up, &mut wallet, 1, Some("20"));
    assert_eq!((wallet.available(NOW), top_up_refund.amount()), (Ok(aud("30")), Ok(aud("22"))));
    let mut answer = |outcome| {
        answered(&mut top_up, &mut top_up_refund, &mut hold, &mut wallet, &mut ids(2), outcome, NOW)
    };
    assert_eq!(
        (answer(Refunded::Failed), answer(Refunded::Succeeded)),
        (Ok(true), Ok(false)),
        "it ends once"
    );
    assert_eq!(
        (wallet.available(NOW), top_up_refund.state),
        (Ok(aud("50")), TopUpRefundState::Failed)
    );
    assert_eq!((top_up.refunded_credit, top_up.refunded_tax), (aud("0"), aud("0")));
}

/// 22.00 of 55.00 are taken back: 20.00 of the credit and 2.00 of its tax.
fn disputed(top_up: &mut TopUp, wallet: &mut Wallet, by_bank: bool) -> Dispute {
    let provider_dispute = ProviderDispute {
        id: String::new(),
        amount: aud("22"),
        reason: String::new(),
        evidence_due: None,
        is_final: by_bank,
        outcome: by_bank.then_some(Outcome::Lost),
    };
    let taken = chargeback::of_top_up(top_up, wallet, &mut ids(90), provider_dispute.amount, NOW)
        .unwrap()
        .unwrap();
    let of = (Disputed::TopUp(top_up.id), None, "ch");
    Dispute::open(
        Id::from_uuid(Uuid::nil()),
        Id::from_uuid(Uuid::nil()),
        wallet.id,
        of,
        (&provider_dispute, taken, Vec::new()),
        NOW,
    )
}

#[test]
fn what_the_issuer_left_of_a_lost_charge_goes_back_with_the_rest_of_the_tax() {
    for by_bank in [false, true] {
        let (mut top_up, mut wallet) = bought("55", "5");
        let mut dispute = disputed(&mut top_up, &mut wallet, by_bank);
        let asked =
            |top_up: &mut TopUp, dispute: &Dispute, wallet: &mut Wallet, credit: Option<&str>| {
                ask(top_up, Some(dispute), wallet, &mut ids(1), request(credit), NOW)
            };
        if !by_bank {
            assert_eq!(
                asked(&mut top_up, &dispute, &mut wallet, None).unwrap_err().reason,
                Reason::TOP_UP_STATE,
                "it is open"
            );
            dispute.decide(Outcome::Lost, Decider::Person("It is true.".to_owned()), NOW).unwrap();
            let refused = asked(&mut top_up, &dispute, &mut wallet, None).unwrap_err();
            assert_eq!(refused.reason, Reason::DISPUTE_NOT_CONFIRMED, "{}", refused.message);
            dispute.decide(Outcome::Lost, Decider::Provider, NOW).unwrap();
        }
        // More was bought meanwhile: only what is left of this purchase goes back.
        assert_eq!(refundable(&top_up, Some(&dispute), &wallet, NOW), Ok(aud("30")));
        assert_eq!(
            asked(&mut top_up, &dispute, &mut wallet, Some("30.01")).unwrap_err().reason,
            Reason::REFUND_TOO_LARGE
        );
        for (credit, tax) in [(Some("10"), "1"), (None, "2")] {
            let (mut top_up_refund, mut hold) =
                asked(&mut top_up, &dispute, &mut wallet, credit).unwrap();
            assert_eq!(top_up_refund.tax, aud(tax));
            answered(
                &mut top_up,
                &mut top_up_refund,
                &mut hold,
                &mut wallet,
                &mut ids(2),
                Refunded::Succeeded,
                NOW,
            )
            .unwrap();
        }
        assert_eq!((wallet.posted, account(&wallet, Account::TaxPayable)), (aud("0"), aud("0")));
        assert_eq!(account(&wallet, Account::ProviderClearing), aud("0"));
        let nothing = asked(&mut top_up, &dispute, &mut wallet, None).unwrap_err();
        assert!(
            nothing.reason == Reason::TOP_UP_STATE && nothing.message.contains("nothing is left"),
            "{}",
            nothing.message
        );
    }
}

#[test]
fn a_won_dispute_that_the_provider_has_not_decided_so_takes_no_refund_yet() {
    let (mut top_up, mut wallet) = bought("55", "5");
    let mut dispute = disputed(&mut top_up, &mut wallet, false);
    dispute.decide(Outcome::Won, Decider::Person("It was ours.".to_owned()), NOW).unwrap();
    top_up.state = TopUpState::Succeeded;
    let mut asked = |dispute: &Dispute| {
        ask(&mut top_up, Some(dispute), &mut wallet, &mut ids(1), request(Some("10")), NOW)
    };
    assert_eq!(asked(&dispute).unwrap_err().reason, Reason::DISPUTE_NOT_CONFIRMED);
    let contradicted = Dispute { told: Some(Outcome::Lost), ..dispute.clone() };
    let refused = asked(&contradicted).unwrap_err();
    assert!(
        refused.reason == Reason::DISPUTE_NOT_CONFIRMED && refused.message.contains("says LOST"),
        "{}",
        refused.message
    );
    dispute.decide(Outcome::Won, Decider::Provider, NOW).unwrap();
    assert!(asked(&dispute).is_ok());
}
