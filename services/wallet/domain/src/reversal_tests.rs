//! Whatever paid, a reversal leaves the books as if nothing had been taken.

use super::{NotReversed, Order, reverse};
use crate::{
    Account, LotKind, TaxKind, TransferKind, Wallet,
    original::{Original, Taken, UseOf},
    posting::{self, Debit, Posting},
    restore::DebtOf,
    wallet::{LotFunding, NewLot},
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Currency, Id, IdSource, Money, Reason};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use uuid::Uuid;

#[path = "reversal_model_tests.rs"]
mod model_tests;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn usd(micros: i64) -> Money {
    Money::from_micros(Currency::parse("USD").unwrap(), micros)
}

fn ids() -> IdSource {
    IdSource::new(NOW, b"seed", "test")
}

fn wallet() -> Wallet {
    Wallet::open(Id::from_uuid(Uuid::nil()), Id::from_uuid(Uuid::nil()), usd(0).currency(), NOW)
}

fn add(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    micros: i64,
    kind: Option<TaxKind>,
    expires_at: Option<DateTime<Utc>>,
) {
    let lot = NewLot {
        kind: if kind.is_some() { LotKind::Purchased } else { LotKind::Granted },
        tax_kind: kind,
        priority: 0,
        amount: usd(micros),
        expires_at,
        description: String::new(),
    };
    let (source, transfer) = if kind.is_some() {
        (Account::ProviderClearing, TransferKind::TopUp)
    } else {
        (Account::Promotion, TransferKind::Grant)
    };
    wallet
        .add_lot(ids, lot, LotFunding { kind: transfer, source, tax: usd(0), recharge: false }, NOW)
        .unwrap();
}

fn take(wallet: &mut Wallet, ids: &mut IdSource, micros: i64) -> Posting {
    take_for(wallet, ids, micros, "number")
}

fn take_for(wallet: &mut Wallet, ids: &mut IdSource, micros: i64, description: &str) -> Posting {
    let debit = Debit {
        amount: usd(micros),
        kind: TransferKind::Fee,
        into_negative: true,
        description: description.into(),
    };
    posting::debit(wallet, ids, debit, NOW).unwrap()
}

/// What a store would read of a posting of the wallet, after earlier reversals gave parts back.
fn original(
    wallet: &Wallet,
    known: &Wallet,
    posting: &Posting,
    reversed: &BTreeMap<(Id<crate::Transfer>, Option<Id<crate::Lot>>), i64>,
) -> Original {
    let taken_of = |transfer: &crate::Transfer| {
        let debited = transfer
            .entries
            .iter()
            .filter(|entry| entry.account == Account::CustomerCredit && entry.amount.is_negative());
        debited
            .map(|entry| Taken {
                by: transfer.id,
                lot: entry.lot.and_then(|id| {
                    wallet.lots.iter().chain(&known.lots).find(|lot| lot.id == id).cloned()
                }),
                left: usd(-entry.amount.micros()
                    - reversed.get(&(transfer.id, entry.lot)).copied().unwrap_or_default()),
                sequence: entry.running.unwrap().sequence,
                recorded_at: transfer.recorded_at,
                label: crate::month::label(transfer.kind, &transfer.description, None).unwrap(),
                billed: false,
            })
            .collect::<Vec<_>>()
    };
    let at = wallet.transfers.iter().position(|transfer| transfer.id == posting.transfer).unwrap();
    let (transfer, later) = (&wallet.transfers[at], &wallet.transfers[at + 1..]);
    let taken = taken_of(transfer);
    let owed = |taken: Vec<Taken>| {
        taken
            .into_iter()
            .filter(|part| part.lot.is_none())
            .map(|part| part.left.micros())
            .sum::<i64>()
    };
    let newer: i64 = later
        .iter()
        .filter(|transfer| transfer.kind == TransferKind::Fee)
        .map(|transfer| owed(taken_of(transfer)))
        .sum();
    let (postpaid, left) = (wallet.overdraft.is_some(), owed(taken_of(transfer)));
    let debt = DebtOf::new(usd(left), usd(newer), wallet.owed_for_use().unwrap()).unwrap();
    let (mut settled, mut sum) = (Vec::new(), 0);
    for mut paid in later
        .iter()
        .rev()
        .filter(|transfer| transfer.kind == TransferKind::OwedSettlement)
        .flat_map(taken_of)
    {
        sum += paid.left.micros();
        paid.left = debt.part_of(paid.left, usd(sum)).unwrap();
        if paid.left.is_positive() && !postpaid {
            settled.insert(0, paid);
        }
    }
    Original {
        transfer: posting.transfer,
        kind: transfer.kind,
        amount: posting.amount,
        taken,
        settled,
        unpaid: if postpaid { usd(left) } else { debt.unpaid },
        postpaid,
        used: None,
        effective_at: NOW,
    }
}

fn order(micros: Option<i64>) -> Order {
    Order { amount: micros.map(usd), effective_at: None, explanation: "wrong number".into() }
}

#[test]
fn a_debt_of_an_agreement_is_no_debt_of_what_was_before() {
    let (mut wallet, mut ids) = (wallet(), ids());
    let fee = take(&mut wallet, &mut ids, 10);
    add(&mut wallet, &mut ids, 10, Some(TaxKind::Deposit), None);
    let before = wallet.clone();
    let original = original(&wallet, &before, &fee, &BTreeMap::new());
    wallet.overdraft = Some(usd(1_000));
    take(&mut wallet, &mut ids, 100);
    let (reversal, lowered) = reverse(&mut wallet, &mut ids, &original, order(None), NOW).unwrap();
    assert_eq!(
        (reversal.parts.iter().filter(|part| part.from.is_some()).count(), lowered.len()),
        (1, 1),
        "the deposit has it again"
    );
    assert_eq!((wallet.owed, wallet.posted), (usd(100), usd(-90)));
}

#[test]
fn credit_that_pays_for_a_return_is_no_payment_of_a_use() {
    let (mut wallet, mut ids) = (wallet(), ids());
    let fee = take(&mut wallet, &mut ids, 10);
    add(&mut wallet, &mut ids, 10, None, None);
    wallet.owed = usd(20);
    wallet.posted = usd(-20);
    (wallet.owed_back, wallet.owed_undone) = (usd(12), usd(20));
    add(&mut wallet, &mut ids, 30, Some(TaxKind::Deposit), None);
    let kinds: Vec<_> = wallet
        .transfers
        .iter()
        .map(|transfer| transfer.kind)
        .filter(|kind| *kind == TransferKind::ReturnSettlement)
        .collect();
    assert_eq!(
        (kinds.len(), wallet.owed),
        (2, usd(0)),
        "12 that were taxed, and 8 that are taxed now"
    );
    let known = wallet.clone();
    let original = original(&wallet, &known, &fee, &BTreeMap::new());
    let (reversal, _) = reverse(&mut wallet, &mut ids, &original, order(None), NOW).unwrap();
    let granted = wallet.lots.iter().find(|lot| lot.kind == LotKind::Granted).unwrap();
    assert_eq!(
        (reversal.parts[0].from, granted.remaining),
        (Some(granted.id), usd(10)),
        "the grant had paid it"
    );
}

#[test]
fn a_lot_that_is_over_gives_way_to_one_of_thirty_days() {
    let (mut wallet, mut ids) = (wallet(), ids());
    add(&mut wallet, &mut ids, 10, None, Some(NOW + TimeDelta::days(1)));
    let known = wallet.clone();
    let posting = take(&mut wallet, &mut ids, 10);
    let later = NOW + TimeDelta::days(5);
    let original = original(&wallet, &known, &posting, &BTreeMap::new());
    reverse(&mut wallet, &mut ids, &original, order(Some(4)), later).unwrap();
    let again = wallet.lots.iter().find(|lot| lot.remaining.is_positive()).unwrap();
    assert_eq!(
        (again.amount, again.kind, again.expires_at),
        (usd(4), LotKind::Granted, Some(later + TimeDelta::days(30)))
    );
}

#[test]
fn what_is_reversed_pays_what_is_owed_first() {
    let (mut wallet, mut ids) = (wallet(), ids());
    add(&mut wallet, &mut ids, 10, Some(TaxKind::Deposit), None);
    let known = wallet.clone();
    let first = take(&mut wallet, &mut ids, 10);
    take(&mut wallet, &mut ids, 7);
    let original = original(&wallet, &known, &first, &BTreeMap::new());
    reverse(&mut wallet, &mut ids, &original, order(None), NOW).unwrap();
    assert_eq!((wallet.owed, wallet.posted, wallet.lots[0].remaining), (usd(0), usd(3), usd(3)));
}

#[test]
fn what_an_invoice_bills_stays_and_the_rest_goes_back() {
    let (mut wallet, mut ids) = (wallet(), ids());
    add(&mut wallet, &mut ids, 5, None, None);
    add(&mut wallet, &mut ids, 3, Some(TaxKind::Deposit), None);
    let known = wallet.clone();
    let posting = take(&mut wallet, &mut ids, 10);
    let mut original = original(&wallet, &known, &posting, &BTreeMap::new());
    for taken in &mut original.taken {
        taken.billed = taken.lot.as_ref().is_some_and(|lot| lot.tax_kind.is_some());
    }
    for asked in [None, Some(8), Some(20)] {
        let refused =
            reverse(&mut wallet.clone(), &mut ids, &original, order(asked), NOW).unwrap_err();
        assert_eq!(
            refused,
            NotReversed::Billed { left: usd(7) },
            "5 granted and 2 owed are on no invoice"
        );
    }
    let (reversal, lowered) =
        reverse(&mut wallet, &mut ids, &original, order(Some(7)), NOW).unwrap();
    assert_eq!((reversal.amount, lowered), (usd(7), Vec::new()));
    assert_eq!((wallet.owed, wallet.posted), (usd(0), usd(5)));
}

#[test]
fn what_cannot_be_reversed_is_refused() {
    let (mut wallet, mut ids) = (wallet(), ids());
    add(&mut wallet, &mut ids, 10, None, None);
    let known = wallet.clone();
    let posting = take(&mut wallet, &mut ids, 10);
    let whole = original(&wallet, &known, &posting, &BTreeMap::new());
    let mut refused = |original: &Original, order: Order| match reverse(
        &mut wallet.clone(),
        &mut ids,
        original,
        order,
        NOW,
    ) {
        Err(NotReversed::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&whole, order(Some(11))).reason, Reason::REVERSAL_TOO_LARGE);
    let dated =
        |seconds| Order { effective_at: Some(NOW + TimeDelta::seconds(seconds)), ..order(None) };
    for seconds in [-1, 1] {
        assert_eq!(refused(&whole, dated(seconds)).violations[0].reason, Reason::TIME_OUT_OF_RANGE);
    }
    let lot = whole.taken[0].lot.as_ref().unwrap().id;
    let done =
        original(&wallet, &known, &posting, &BTreeMap::from([((posting.transfer, Some(lot)), 10)]));
    assert_eq!(refused(&done, order(None)).reason, Reason::ALREADY_REVERSED);
}

#[test]
fn the_quantity_follows_the_amount_and_the_last_part_has_the_rest() {
    let used = |reversed: &str| UseOf {
        quantity: Decimal::from(3),
        unit_price: usd(10),
        reversed: reversed.parse().unwrap(),
    };
    assert_eq!(used("0").share(usd(30), usd(10)), Ok(Decimal::ONE));
    assert_eq!(used("0").share(usd(7), usd(1)), Ok("0.428571".parse().unwrap()));
    assert_eq!(used("0.428571").share(usd(7), usd(7)), Ok("2.571429".parse().unwrap()));
}
