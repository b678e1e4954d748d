//! Tests of a month's end, some against a simple model.

use super::{Billed, BilledLine, Closed, Funding, accrued, settle_deposits, settle_postpaid};
use crate::{
    Account, TaxKind, Wallet,
    ledger::TransferKind,
    lot::LotKind,
    posting::{self, Debit},
    wallet::{LotFunding, NewLot},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Currency, Id, IdSource, Money};
use proptest::prelude::*;
use std::collections::BTreeMap;
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;
const CLOSED: Closed = Closed {
    month: chrono::NaiveDate::from_ymd_opt(1970, 1, 1).unwrap(),
    id: Uuid::max(),
    at: NOW,
};

/// The sum of what a customer sees in the history.
fn customer_sum(wallet: &Wallet) -> i64 {
    let entries = wallet.transfers.iter().flat_map(|transfer| &transfer.entries);
    entries
        .filter(|entry| entry.account == Account::CustomerCredit)
        .map(|entry| entry.amount.micros())
        .sum()
}

/// The entries of rounding, and that they say so.
fn rounding(wallet: &Wallet) -> i64 {
    let roundings =
        wallet.transfers.iter().filter(|transfer| transfer.kind == TransferKind::MonthRounding);
    roundings
        .flat_map(|transfer| {
            assert_eq!(transfer.description, "Rounding of January 1970");
            &transfer.entries
        })
        .filter(|entry| entry.account == Account::CustomerCredit)
        .map(|entry| entry.amount.micros())
        .sum()
}

fn aud(micros: i64) -> Money {
    Money::from_micros(Currency::parse("AUD").unwrap(), micros)
}

fn wallet() -> Wallet {
    Wallet::open(Id::from_uuid(Uuid::nil()), Id::from_uuid(Uuid::nil()), aud(0).currency(), NOW)
}

/// What accrued of all transfers so far, by funding and label.
fn sums(wallet: &Wallet) -> BTreeMap<(Funding, String), Money> {
    let mut sums = BTreeMap::new();
    for transfer in &wallet.transfers {
        for (funding, label, amount) in accrued(wallet, transfer).unwrap() {
            let sum = sums.entry((funding, label)).or_insert(aud(0));
            *sum = sum.plus(amount).unwrap();
        }
    }
    sums
}

fn of(sums: &BTreeMap<(Funding, String), Money>, funding: Funding) -> Vec<(String, Money)> {
    sums.iter()
        .filter(|((accrued_by, _), _)| *accrued_by == funding)
        .map(|((_, label), sum)| (label.clone(), *sum))
        .collect()
}

fn account_balance(wallet: &Wallet, account: Account, payment: Option<Uuid>) -> i64 {
    let entries = wallet
        .transfers
        .iter()
        .filter(|transfer| transfer.payment == payment)
        .flat_map(|transfer| &transfer.entries);
    entries.filter(|entry| entry.account == account).map(|entry| entry.amount.micros()).sum()
}

proptest! {
    #[test]
    fn a_month_s_end_leaves_nothing_behind(
        debits in prop::collection::vec((1_i64..9_999_999, 0_usize..3, 0_u8..4), 1..20), deposit in 0_i64..30_000_000, postpaid: bool, ends: bool,
    ) {
        let mut wallet = wallet();
        let mut ids = IdSource::new(NOW, b"seed", "test");
        for (amount, kind) in [(deposit, TaxKind::Deposit), (deposit / 3, TaxKind::TaxedSale)] {
            let lot = NewLot {
                kind: LotKind::Purchased, tax_kind: Some(kind), priority: 0, amount: aud(amount), expires_at: None, description: String::new(),
            };
            if amount > 0 {
                wallet.add_lot(&mut ids, lot, LotFunding { kind: TransferKind::TopUp, source: Account::ProviderClearing, tax: aud(0), recharge: false }, NOW).unwrap();
            }
        }
        wallet.overdraft = postpaid.then(|| aud(50_000_000));
        for (amount, product, kind) in debits {
            let kind = [TransferKind::Usage, TransferKind::Fee, TransferKind::Debit, TransferKind::Usage][usize::from(kind)];
            let description = ["calls", "texts", "numbers"][product].to_owned();
            let debit = Debit { amount: aud(amount), kind, into_negative: kind == TransferKind::Fee, description };
            let _ = posting::debit(&mut wallet, &mut ids, debit, NOW);
        }
        let sums = sums(&wallet);
        let (paid, used) = (Billed::of(&wallet, &of(&sums, Funding::Deposit)).unwrap(), Billed::of(&wallet, &of(&sums, Funding::Postpaid)).unwrap());
        prop_assert_eq!(paid.exact.micros(), account_balance(&wallet, Account::InvoiceSettlement, None));
        prop_assert_eq!(used.exact, if postpaid { wallet.owed } else { aud(0) });
        let before = wallet.posted;
        if ends {
            wallet.overdraft = None;
        }
        settle_postpaid(&mut wallet, &mut ids, &used, CLOSED).unwrap();
        settle_deposits(&mut wallet, &mut ids, &paid, CLOSED).unwrap();
        // What the customer sees of it: what was used and its rounding come to what is invoiced,
        // but for what there is no deposit for.
        let rounded = rounding(&wallet);
        let (off, free) = (paid.exact.micros() - paid.total.micros(), wallet.lots.iter().filter(|lot| lot.tax_kind == Some(TaxKind::Deposit)));
        let short = rounded - off - (used.exact.micros() - used.total.micros());
        prop_assert!(short == 0 || (off < 0 && short > 0 && free.map(|lot| lot.remaining.micros()).sum::<i64>() == 0), "{short}");
        prop_assert_eq!(wallet.posted.micros(), before.micros() + rounded + used.total.micros());
        let left = wallet.lots.iter().map(|lot| lot.remaining.micros()).sum::<i64>();
        prop_assert_eq!(wallet.posted.micros(), left - wallet.owed.micros());
        prop_assert_eq!(wallet.posted.micros(), customer_sum(&wallet));
        prop_assert!(wallet.transfers.iter().all(|transfer| transfer.is_balanced().unwrap()));
        prop_assert_eq!(account_balance(&wallet, Account::InvoiceSettlement, None), 0);
        prop_assert_eq!(account_balance(&wallet, Account::InvoiceSettlement, Some(Uuid::max())), paid.total.micros(), "what its invoice comes to");
        prop_assert_eq!(account_balance(&wallet, Account::Receivable, None), -used.total.micros());
        if postpaid {
            prop_assert!(wallet.owed.is_zero(), "the wallet is at zero but for its credit");
        }
    }
}

#[test]
fn rounding_goes_to_the_deposit_that_paid_or_is_a_lot_of_its_own_and_makes_no_debt() {
    for (deposit, used, left) in [
        (10_000_000, 1_004_000, 9_000_000),
        (10_000_000, 1_005_000, 8_990_000),
        (1_004_000, 1_004_000, 4_000),
        (1_005_000, 1_005_000, 0),
        (1_007_000, 1_005_000, 0),
    ] {
        let (mut wallet, mut ids) = (wallet(), IdSource::new(NOW, b"seed", "test"));
        let new = crate::settlement::deposit(aud(deposit), None);
        let funding = LotFunding {
            kind: TransferKind::TopUp,
            source: Account::ProviderClearing,
            tax: aud(0),
            recharge: false,
        };
        wallet.add_lot(&mut ids, new, funding, NOW).unwrap();
        let debit = Debit {
            amount: aud(used),
            kind: TransferKind::Usage,
            into_negative: false,
            description: "calls".into(),
        };
        posting::debit(&mut wallet, &mut ids, debit, NOW).unwrap();
        // A lot that is used up is not loaded with its wallet.
        wallet.lots.retain(|lot| lot.remaining.is_positive());
        let billed = Billed::of(&wallet, &of(&sums(&wallet), Funding::Deposit)).unwrap();
        settle_deposits(&mut wallet, &mut ids, &billed, CLOSED).unwrap();
        assert_eq!(
            (wallet.posted, wallet.owed, wallet.lots.len()),
            (aud(left), aud(0), 1.min(wallet.lots.len())),
            "{deposit} {used}"
        );
    }
}

#[test]
fn each_line_is_rounded_once() {
    let sums = [
        ("a".to_owned(), aud(1_005_000)),
        ("b".to_owned(), aud(1_004_999)),
        ("c".to_owned(), aud(4_999)),
    ];
    let billed = Billed::of(&wallet(), &sums).unwrap();
    assert_eq!(shown(&billed), [("a", 1_010_000, None), ("b", 1_000_000, None)]);
    assert_eq!((billed.exact, billed.total), (aud(2_014_998), aud(2_010_000)));
    assert_eq!(
        ["a", "b", "c"].map(|label| billed.line_of(label)),
        [1, 2, 2],
        "what rounds to nothing stands on the last"
    );
}

type Shown<'a> = (&'a str, i64, Option<(String, i64)>);

fn shown(billed: &Billed) -> Vec<Shown<'_>> {
    let priced = |line: &BilledLine| {
        line.priced.map(|(quantity, price)| (quantity.to_string(), price.micros()))
    };
    billed
        .lines
        .iter()
        .map(|line| (line.label.as_str(), line.amount.micros(), priced(line)))
        .collect()
}

#[test]
fn a_use_has_its_quantity_and_price_and_what_rounds_to_nothing_is_one_line() {
    let sums = [
        ("calls\u{1f}1.002345".to_owned(), aud(3_007_035)),
        // Half of one was paid by credit that is no invoice's.
        ("calls\u{1f}3".to_owned(), aud(4_500_000)),
        ("data\u{1f}0.0001".to_owned(), aud(4_900)),
        ("data\u{1f}0.0002".to_owned(), aud(4_800)),
        ("Support by telephone".to_owned(), aud(2_500_000)),
        (String::new(), aud(100)),
    ];
    let billed = Billed::of(&wallet(), &sums).unwrap();
    let price = |quantity: &str, micros| Some((quantity.to_owned(), micros));
    assert_eq!(
        shown(&billed),
        [
            ("calls", 3_010_000, price("3", 1_002_345)),
            ("calls", 4_500_000, price("1.5", 3_000_000)),
            ("Support by telephone", 2_500_000, None),
            ("", 10_000, None),
        ]
    );
    // A quantity that does not come to the amount is not shown.
    let odd = Billed::of(&wallet(), &[("storage\u{1f}90000".to_owned(), aud(1_005_000))]).unwrap();
    assert_eq!(odd.lines[0].priced, None);
}
