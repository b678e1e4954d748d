//! The month's end of a wallet: the use that deposits paid, and the use of a postpaid wallet, go to invoices
//! (docs/domain/wallet.md#closing-movements, docs/domain/wallet.md#postpaid-month).

use crate::{
    ledger::{Account, Transfer, TransferKind},
    settlement::post,
    wallet::Wallet,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{IdSource, Money, Refusal, money::MoneyError, rounding};
use uuid::Uuid;

/// How a use is paid, which decides the invoice that shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Funding {
    /// Deposits paid it. Its invoice is paid already, and taxes it.
    Deposit,
    /// It accrues to a postpaid agreement. Its invoice is still to be paid.
    Postpaid,
}

impl Funding {
    /// The name in columns.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deposit => "DEPOSIT",
            Self::Postpaid => "POSTPAID",
        }
    }
}

/// What a transfer adds to its month, by funding: the label of the invoice line (a product or a fee; empty for other debits)
/// and the amount.
pub fn accrued<'a>(wallet: &Wallet, transfer: &'a Transfer) -> Result<Vec<(Funding, &'a str, Money)>, MoneyError> {
    let label = match transfer.kind {
        TransferKind::Usage | TransferKind::Fee => transfer.description.as_str(),
        TransferKind::Debit | TransferKind::Capture | TransferKind::OwedSettlement => "",
        _ => return Ok(Vec::new()),
    };
    let zero = Money::zero(wallet.currency);
    let (mut deposit, mut owed) = (zero, zero);
    for entry in &transfer.entries {
        match entry.account {
            Account::InvoiceSettlement => deposit = deposit.plus(entry.amount)?,
            Account::CustomerCredit if entry.lot.is_none() && wallet.overdraft.is_some() => owed = owed.minus(entry.amount)?,
            _ => {}
        }
    }
    let parts = [(Funding::Deposit, label, deposit), (Funding::Postpaid, label, owed)];
    Ok(parts.into_iter().filter(|(.., amount)| amount.is_positive()).collect())
}

/// The part of a month with one funding, as its invoice shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billed {
    /// The lines, each rounded once; lines that round to zero are left out.
    pub lines: Vec<(String, Money)>,
    /// The exact sum of the use.
    pub exact: Money,
    /// The sum of the rounded lines.
    pub total: Money,
}

impl Billed {
    /// Rounds the sums of a month, line by line.
    pub fn of(wallet: &Wallet, sums: &[(String, Money)]) -> Result<Self, MoneyError> {
        let zero = Money::zero(wallet.currency);
        let (mut lines, mut exact, mut total) = (Vec::with_capacity(sums.len()), zero, zero);
        for (label, sum) in sums {
            let rounded = Money::new(sum.currency(), rounding::half_away(sum.amount(), sum.currency().exponent()))?;
            exact = exact.plus(*sum)?;
            if rounded.is_positive() {
                total = total.plus(rounded)?;
                lines.push((label.clone(), rounded));
            }
        }
        Ok(Self { lines, exact, total })
    }
}

/// Moves the use that deposits paid to the invoice that taxes it, as part of a payment. The rounding difference goes to the
/// rounding account.
pub fn settle_deposits(wallet: &mut Wallet, ids: &mut IdSource, billed: &Billed, payment: Uuid, now: DateTime<Utc>) -> Result<(), Refusal> {
    if billed.exact.is_positive() {
        let sides = vec![(Account::InvoiceSettlement, None, billed.exact.negated()), (Account::Rounding, None, billed.exact)];
        post(wallet, ids, TransferKind::MonthClose, None, sides, now)?;
    }
    if billed.total.is_positive() {
        let sides = vec![(Account::Rounding, None, billed.total.negated()), (Account::InvoiceSettlement, None, billed.total)];
        post(wallet, ids, TransferKind::MonthClose, Some(payment), sides, now)?;
    }
    Ok(())
}

/// Settles a postpaid month: receivable → customer credit. The wallet owes nothing for it any more; the invoice does.
pub fn settle_postpaid(wallet: &mut Wallet, ids: &mut IdSource, billed: &Billed, now: DateTime<Utc>) -> Result<(), Refusal> {
    if billed.exact.is_zero() {
        return Ok(());
    }
    wallet.owed = wallet.owed.minus(billed.exact)?;
    let mut sides = vec![(Account::CustomerCredit, None, billed.exact)];
    let rounding = billed.exact.minus(billed.total)?;
    let others = [(Account::Receivable, None, billed.total.negated()), (Account::Rounding, None, rounding.negated())];
    sides.extend(others.into_iter().filter(|(.., amount)| !amount.is_zero()));
    post(wallet, ids, TransferKind::PostpaidClose, None, sides, now)
}

#[cfg(test)]
mod tests {
    use super::{Billed, Funding, accrued, settle_deposits, settle_postpaid};
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
                let sum = sums.entry((funding, label.to_owned())).or_insert(aud(0));
                *sum = sum.plus(amount).unwrap();
            }
        }
        sums
    }

    fn of(sums: &BTreeMap<(Funding, String), Money>, funding: Funding) -> Vec<(String, Money)> {
        sums.iter().filter(|((accrued_by, _), _)| *accrued_by == funding).map(|((_, label), sum)| (label.clone(), *sum)).collect()
    }

    fn account_balance(wallet: &Wallet, account: Account, payment: Option<Uuid>) -> i64 {
        let entries = wallet.transfers.iter().filter(|transfer| transfer.payment == payment).flat_map(|transfer| &transfer.entries);
        entries.filter(|entry| entry.account == account).map(|entry| entry.amount.micros()).sum()
    }

    proptest! {
        #[test]
        fn a_month_s_end_leaves_nothing_behind(
            debits in prop::collection::vec((1_i64..9_999_999, 0_usize..3, 0_u8..4), 1..20), deposit in 0_i64..30_000_000, postpaid: bool,
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
            settle_deposits(&mut wallet, &mut ids, &paid, Uuid::max(), NOW).unwrap();
            settle_postpaid(&mut wallet, &mut ids, &used, NOW).unwrap();
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
    fn each_line_is_rounded_once() {
        let sums = [("a".to_owned(), aud(1_005_000)), ("b".to_owned(), aud(1_004_999)), ("c".to_owned(), aud(4_999))];
        let billed = Billed::of(&wallet(), &sums).unwrap();
        assert_eq!(billed.lines, [("a".to_owned(), aud(1_010_000)), ("b".to_owned(), aud(1_000_000))]);
        assert_eq!((billed.exact, billed.total), (aud(2_014_998), aud(2_010_000)));
    }
}
