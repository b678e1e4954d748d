//! Reversals of random fees: parts undo a fee together, and each debt gives back what had paid it.

use super::{NOW, add, ids, order, original, take, take_for, usd, wallet};
use crate::{
    Account, TaxKind, Wallet,
    month::{Funding, accrued},
    reversal::{Lowered, reverse},
};
use proptest::prelude::*;
use std::collections::BTreeMap;

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
