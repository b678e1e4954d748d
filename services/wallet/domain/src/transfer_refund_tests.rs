//! Credit that had come by transfer is reserved, sent back or free again.

use super::{TransferBack, book, release, reserve, reserved_before, stays_refused};
use crate::{
    Account, AutoRecharge, Hold, HoldState, Lot, TaxKind, TransferKind, Wallet,
    posting::{self, Debit},
    recharge::{Rules, Then},
    settlement::{self, Arrived, CreditBought, never_held},
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Currency, Id, IdSource, Money, Reason};
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;
const PAYMENT: Uuid = Uuid::max();
const REFUND: Uuid = Uuid::from_u128(7);

fn aud(text: &str) -> Money {
    Money::parse(Currency::parse("AUD").unwrap(), text).unwrap()
}

fn ids(seed: &str) -> IdSource {
    IdSource::new(NOW, b"seed", seed)
}

/// A wallet into which a transfer of 220.00 has bought credit, with its lot.
fn bought(tax: &str, expires_at: Option<DateTime<Utc>>) -> (Wallet, Option<Id<Lot>>) {
    let mut wallet = Wallet::open(
        Id::from_uuid(Uuid::nil()),
        Id::from_uuid(Uuid::nil()),
        aud("0").currency(),
        NOW,
    );
    let credit = CreditBought { amount: aud("220"), tax: aud(tax), tax_kind: TaxKind::TaxedSale };
    let arrived = Arrived { payment: PAYMENT, amount: aud("220"), bought: Some(credit) };
    let lot = settlement::transfer(&mut wallet, &mut ids("in"), arrived, expires_at, NOW).unwrap();
    (wallet, lot)
}

fn take(wallet: &mut Wallet, lot: Option<Id<Lot>>, credit: Option<&str>) -> Result<Hold, Reason> {
    let order = TransferBack { refund: REFUND, lot, credit: credit.map(aud) };
    reserve(wallet, &AutoRecharge::default(), &mut ids("back"), order, NOW)
        .map_err(|refusal| refusal.reason)
}

fn debit(wallet: &mut Wallet, amount: &str, into_negative: bool) {
    let debit = Debit {
        amount: aud(amount),
        kind: TransferKind::Fee,
        into_negative,
        description: String::new(),
    };
    posting::debit(wallet, &mut ids("debit"), debit, NOW).unwrap();
}

fn on(wallet: &Wallet, account: Account) -> Money {
    let entries = wallet
        .transfers
        .iter()
        .flat_map(|transfer| &transfer.entries)
        .filter(|entry| entry.account == account);
    entries.map(|entry| entry.amount).try_fold(aud("0"), Money::plus).unwrap()
}

#[test]
fn what_is_reserved_is_sent_back_once_with_its_tax() {
    let (mut wallet, lot) = bought("20", None);
    let mut hold = take(&mut wallet, lot, Some("150")).unwrap();
    assert_eq!(
        (wallet.available(NOW).unwrap(), wallet.posted),
        (aud("50"), aud("200")),
        "it is not available any more"
    );
    assert_eq!(reserved_before(&hold, aud("150")).map_err(|refusal| refusal.reason), Ok(()));
    assert_eq!(
        reserved_before(&hold, aud("149")).map_err(|refusal| refusal.reason),
        Err(Reason::HOLD_STATE)
    );
    for first in [true, false] {
        let booked =
            book(&mut wallet, &mut hold, &mut ids("out"), PAYMENT, aud("15"), "Closed", NOW)
                .unwrap();
        assert_eq!(booked, first);
        assert_eq!(
            (wallet.posted, on(&wallet, Account::BankClearing), on(&wallet, Account::TaxPayable)),
            (aud("50"), aud("-55"), aud("5"))
        );
    }
    let last = wallet.transfers.last().unwrap();
    assert_eq!(
        (last.kind, last.payment, last.description.as_str()),
        (TransferKind::TransferRefund, Some(PAYMENT), "Closed")
    );
    assert!(wallet.transfers.iter().all(|transfer| transfer.is_balanced().unwrap()));
    let kept = release(&mut wallet, Some(hold.clone()), REFUND, &mut ids("free"), NOW).unwrap();
    assert_eq!((kept, wallet.posted), (hold, aud("50")), "what was sent stays sent");
}

#[test]
fn only_what_is_left_of_the_own_lot_goes_back() {
    for (spent, held, ask, answer) in [
        ("0", "0", None, Ok("200")),
        ("12.345678", "0", None, Ok("187.65")),
        ("0", "30", Some("171"), Err(Reason::REFUND_TOO_LARGE)),
        ("0", "30", Some("170"), Ok("170")),
        ("200", "0", None, Err(Reason::REFUND_TOO_LARGE)),
    ] {
        let (mut wallet, lot) = bought("20", None);
        if spent != "0" {
            debit(&mut wallet, spent, false);
        }
        if held != "0" {
            let order = TransferBack { refund: PAYMENT, lot, credit: Some(aud(held)) };
            reserve(&mut wallet, &AutoRecharge::default(), &mut ids("held"), order, NOW).unwrap();
        }
        assert_eq!(
            take(&mut wallet, lot, ask).map(|hold| hold.amount),
            answer.map(aud),
            "{spent} {held}"
        );
    }
    let (mut wallet, _) = bought("20", None);
    assert_eq!(
        take(&mut wallet, None, None).map(|hold| hold.amount),
        Err(Reason::REFUND_TOO_LARGE),
        "other credit stays"
    );
    let (mut over, lot) = bought("20", Some(NOW));
    assert_eq!(
        take(&mut over, lot, None).map(|hold| hold.amount),
        Err(Reason::REFUND_TOO_LARGE),
        "it has expired"
    );
}

#[test]
fn what_is_not_sent_is_free_again_and_pays_what_is_owed_first() {
    let (mut wallet, lot) = bought("20", Some(NOW + TimeDelta::days(1)));
    let hold = take(&mut wallet, lot, None).unwrap();
    debit(&mut wallet, "60", true);
    assert_eq!((wallet.owed, wallet.posted), (aud("60"), aud("140")));
    let freed = release(&mut wallet, Some(hold), REFUND, &mut ids("free"), NOW).unwrap();
    assert_eq!(
        (freed.state, wallet.owed, wallet.available(NOW).unwrap()),
        (HoldState::Voided, aud("0"), aud("140"))
    );
    assert_eq!(
        reserved_before(&freed, aud("200")).map_err(|refusal| refusal.reason),
        Err(Reason::HOLD_STATE),
        "it comes too late"
    );
    let mut late = freed;
    let booked = book(&mut wallet, &mut late, &mut ids("out"), PAYMENT, aud("20"), "", NOW);
    assert_eq!(booked.map_err(|refusal| refusal.reason), Err(Reason::HOLD_STATE));
    let never = release(&mut wallet, None, PAYMENT, &mut ids("never"), NOW).unwrap();
    assert_eq!(
        (never.state, never.payment),
        (HoldState::Voided, Some(PAYMENT)),
        "nothing was reserved, and nothing will be"
    );
}

#[test]
fn a_refusal_stays_the_answer() {
    let (mut wallet, lot) = bought("20", None);
    let rules =
        Rules { threshold: Some((aud("100"), Then::Amount(aud("50")))), ..Rules::default() };
    let recharge = AutoRecharge { rules, ..AutoRecharge::default() };
    let order = |credit: &str| TransferBack { refund: REFUND, lot, credit: Some(aud(credit)) };
    let refused = reserve(&mut wallet, &recharge, &mut ids("a"), order("101"), NOW).unwrap_err();
    assert_eq!((refused.reason, stays_refused(&refused)), (Reason::RECHARGE_WOULD_FOLLOW, true));
    let marker = never_held(&wallet, &mut ids("m"), REFUND, refused.reason.name(), NOW);
    assert_eq!(
        reserved_before(&marker, aud("101")).map_err(|refusal| refusal.reason),
        Err(Reason::RECHARGE_WOULD_FOLLOW)
    );
    let (mut wallet, lot) = bought("20", None);
    let order = TransferBack { refund: REFUND, lot, credit: Some(aud("100")) };
    assert!(
        reserve(&mut wallet, &recharge, &mut ids("b"), order, NOW).is_ok(),
        "down to the threshold nothing is bought"
    );
}
