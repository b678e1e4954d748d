//! Whatever paid, a reversal leaves the books as if nothing had been taken.

use super::{Lowered, NotReversed, Order, Original, Taken, UseOf, reverse};
use crate::{
    Account, LotKind, TaxKind, TransferKind, Wallet,
    month::{Funding, accrued},
    posting::{self, Debit, Posting},
    restore::DebtOf,
    wallet::{LotFunding, NewLot},
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Currency, Id, IdSource, Money};
use proptest::prelude::*;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use uuid::Uuid;

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

fn balance(wallet: &Wallet, account: Account) -> i64 {
    let entries = wallet
        .transfers
        .iter()
        .flat_map(|transfer| &transfer.entries)
        .filter(|entry| entry.account == account);
    entries.map(|entry| entry.amount.micros()).sum()
}

fn accruals(wallet: &Wallet) -> BTreeMap<(Funding, String), i64> {
    let mut sums = BTreeMap::new();
    for (funding, label, amount) in
        wallet.transfers.iter().flat_map(|transfer| accrued(wallet, transfer).unwrap())
    {
        *sums.entry((funding, label)).or_default() += amount.micros();
    }
    sums
}

fn lower(sums: &mut BTreeMap<(Funding, String), i64>, lowered: Vec<Lowered>) {
    for Lowered { funding, label, amount, .. } in lowered {
        *sums.get_mut(&(funding, label)).unwrap() -= amount.micros();
    }
    sums.retain(|_, sum| *sum != 0);
}

proptest! {
    /// Whatever paid a fee, reversing it in parts leaves the books as if it had never been taken.
    #[test]
    fn all_parts_together_undo_a_fee(
        deposit in 0_i64..50, taxed in 0_i64..50, granted in 0_i64..50, fee in 1_i64..200, later in 0_i64..100, parts in prop::collection::vec(1_i64..60, 0..4),
        postpaid: bool, kind in prop::option::of(prop::bool::ANY),
    ) {
        let (mut wallet, mut ids) = (wallet(), ids());
        wallet.overdraft = postpaid.then(|| usd(1_000));
        for (micros, kind) in [(granted, None), (deposit, Some(TaxKind::Deposit)), (taxed, Some(TaxKind::TaxedSale))] {
            if micros > 0 {
                add(&mut wallet, &mut ids, micros, kind, None);
            }
        }
        let known = wallet.clone();
        let posting = take(&mut wallet, &mut ids, fee);
        if later > 0 {
            add(&mut wallet, &mut ids, later, kind.map(|deposit| if deposit { TaxKind::Deposit } else { TaxKind::TaxedSale }), None);
        }
        let (mut reversed, mut left) = (BTreeMap::new(), fee);
        let mut sums = accruals(&wallet);
        for part in parts.into_iter().map(Some).chain([None]) {
            let asked = part.map(|part| part.min(left));
            if left == 0 {
                break;
            }
            let original = original(&wallet, &known, &posting, &reversed);
            let (reversal, lowered) = reverse(&mut wallet, &mut ids, &original, order(asked), NOW).unwrap();
            prop_assert_eq!(reversal.amount, usd(asked.unwrap_or(left)));
            left -= reversal.amount.micros();
            for part in &reversal.parts {
                *reversed.entry((part.taken_by, part.from)).or_insert(0) += part.amount.micros();
            }
            lower(&mut sums, lowered);
        }
        prop_assert_eq!(left, 0);
        prop_assert_eq!(wallet.posted.micros(), deposit + taxed + granted + later);
        prop_assert!(wallet.owed.is_zero());
        prop_assert_eq!((balance(&wallet, Account::Revenue), balance(&wallet, Account::InvoiceSettlement)), (0, 0));
        prop_assert!(sums.is_empty(), "nothing is left to bill: {:?}", sums);
        prop_assert!(wallet.lots.iter().all(|lot| lot.remaining == lot.amount), "each lot has its own again");
        prop_assert!(wallet.transfers.iter().all(|transfer| transfer.is_balanced().unwrap()));
    }
}

/// Fees with what is owed of them, or lots with what is free of them, the oldest first.
type Queue = Vec<(usize, i64)>;

/// The credit that came first pays the fee that has been owed longest.
fn pay(owed: &mut Queue, free: &mut Queue, paid: &mut BTreeMap<(usize, usize), i64>) {
    while let (Some((fee, due)), Some((lot, has))) = (owed.first().copied(), free.first().copied())
    {
        let part = due.min(has);
        *paid.entry((fee, lot)).or_default() += part;
        (owed[0].1, free[0].1) = (due - part, has - part);
        owed.retain(|pair| pair.1 > 0);
        free.retain(|pair| pair.1 > 0);
    }
}

proptest! {
    /// Whoever's debt is reversed, the credit goes back that had paid it, off the line of its fee:
    /// fees and credit in any order, reversed in any order, leave each lot with its own, and
    /// nothing to bill.
    #[test]
    fn each_debt_gives_back_what_had_paid_it(steps in prop::collection::vec((prop::bool::ANY, 1_i64..50), 1..14), kind in 0_usize..3, first: prop::sample::Index) {
        let (mut wallet, mut ids) = (wallet(), ids());
        let mut fees = Vec::new();
        let (mut owed, mut free) = (Queue::new(), Queue::new());
        let mut paid: BTreeMap<(usize, usize), i64> = BTreeMap::new();
        let mut lots = Vec::new();
        for (is_fee, micros) in steps {
            if is_fee {
                owed.push((fees.len(), micros));
                let description = format!("number {}", fees.len());
                fees.push(take_for(&mut wallet, &mut ids, micros, &description));
            } else {
                add(&mut wallet, &mut ids, micros, [None, Some(TaxKind::Deposit), Some(TaxKind::TaxedSale)][kind], None);
                lots.push(wallet.lots.iter().map(|lot| (lot.sequence, lot.id)).max().unwrap().1);
                free.push((lots.len() - 1, micros));
            }
            pay(&mut owed, &mut free, &mut paid);
        }
        let known = wallet.clone();
        let mut billed = accruals(&wallet);
        let owed_by_label: i64 = wallet.debts.iter().map(|debt| debt.left.micros()).sum();
        prop_assert_eq!(usd(owed_by_label), wallet.owed);
        let first = if fees.is_empty() { 0 } else { first.index(fees.len()) };
        let mut reversed = BTreeMap::new();
        for at in (first..fees.len()).chain(0..first) {
            let whole = original(&wallet, &known, &fees[at], &reversed);
            let posted = wallet.transfers.len();
            let (reversal, lowered) = reverse(&mut wallet, &mut ids, &whole, order(None), NOW).unwrap();
            prop_assert_eq!(reversal.amount, fees[at].amount);
            prop_assert!(lowered.iter().all(|lowered| lowered.label == format!("number {at}")), "its own line is lowered: {:?}", lowered);
            lower(&mut billed, lowered);
            for (funding, label, amount) in wallet.transfers[posted..].iter().flat_map(|transfer| accrued(&wallet, transfer).unwrap()) {
                *billed.entry((funding, label)).or_default() += amount.micros();
            }
            let mut back: BTreeMap<(usize, usize), i64> = BTreeMap::new();
            for part in &reversal.parts {
                *reversed.entry((part.taken_by, part.from)).or_insert(0) += part.amount.micros();
                if let Some(lot) = part.from {
                    *back.entry((at, lots.iter().position(|id| *id == lot).unwrap())).or_default() += part.amount.micros();
                }
            }
            // What comes back pays what is owed else: only the first one finds the debts as they
            // were paid.
            if at == first {
                let numbers: BTreeMap<_, _> = paid.iter().filter(|((fee, _), _)| *fee == at).map(|(key, part)| (*key, *part)).collect();
                prop_assert_eq!(back, numbers);
            }
        }
        prop_assert!(billed.is_empty() && wallet.debts.is_empty(), "{:?}", billed);
        prop_assert!(wallet.owed.is_zero() && wallet.lots.iter().all(|lot| lot.remaining == lot.amount), "each lot has its own again");
    }
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
    assert_eq!(refused(&whole, order(Some(11))).reason, "REVERSAL_TOO_LARGE");
    let dated =
        |seconds| Order { effective_at: Some(NOW + TimeDelta::seconds(seconds)), ..order(None) };
    for seconds in [-1, 1] {
        assert_eq!(refused(&whole, dated(seconds)).violations[0].reason, "TIME_OUT_OF_RANGE");
    }
    let lot = whole.taken[0].lot.as_ref().unwrap().id;
    let done =
        original(&wallet, &known, &posting, &BTreeMap::from([((posting.transfer, Some(lot)), 10)]));
    assert_eq!(refused(&done, order(None)).reason, "ALREADY_REVERSED");
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
