//! The month's end of a wallet: the use that deposits paid, and the use of a postpaid wallet, go to invoices
//! (docs/domain/wallet.md#closing-movements, docs/domain/wallet.md#postpaid-month).

use crate::{
    ledger::{Account, Transfer, TransferKind},
    settlement::post,
    wallet::Wallet,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{IdSource, Money, Refusal, money::MoneyError, rounding};
use rust_decimal::Decimal;
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

/// Between a product and its price in a label; no text of a request holds it.
const PRICED: char = '\u{1f}';
/// Characters of the text of a label.
const MOST_TEXT: usize = 150;

/// The label under which a transfer accrues: a product with its price, or the words of a fee or debit. What settles a debt has none.
#[must_use]
pub fn label(kind: TransferKind, description: &str, unit_price: Option<Money>) -> Option<String> {
    let text = || description.chars().take(MOST_TEXT).collect::<String>();
    Some(match (kind, unit_price) {
        (TransferKind::Usage, Some(price)) => format!("{}{PRICED}{}", text(), price.amount().normalize()),
        (TransferKind::Usage | TransferKind::Fee | TransferKind::Debit | TransferKind::Capture, _) => text(),
        (TransferKind::OwedSettlement, _) => String::new(),
        _ => return None,
    })
}

/// What a transfer adds to its month, by funding: the label of the invoice line and the amount.
pub fn accrued(wallet: &Wallet, transfer: &Transfer) -> Result<Vec<(Funding, String, Money)>, MoneyError> {
    let Some(label) = label(transfer.kind, &transfer.description, transfer.unit_price) else { return Ok(Vec::new()) };
    let zero = Money::zero(wallet.currency);
    let (mut deposit, mut owed) = (zero, zero);
    for entry in &transfer.entries {
        match entry.account {
            Account::InvoiceSettlement => deposit = deposit.plus(entry.amount)?,
            Account::CustomerCredit if entry.lot.is_none() && wallet.overdraft.is_some() => owed = owed.minus(entry.amount)?,
            _ => {}
        }
    }
    let parts = [(Funding::Deposit, label.clone(), deposit), (Funding::Postpaid, label, owed)];
    Ok(parts.into_iter().filter(|(.., amount)| amount.is_positive()).collect())
}

/// A line of a month's invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BilledLine {
    /// The product, or the words of a fee or debit; empty for the rest of the month.
    pub label: String,
    /// How much, rounded to the minor unit.
    pub amount: Money,
    /// How many were used at which price, where they come to the amount.
    pub priced: Option<(Decimal, Money)>,
    /// The label under which it accrued.
    accrued_as: String,
}

impl BilledLine {
    fn of(label: &str, exact: Money, amount: Money) -> Self {
        let accrued_as = label.to_owned();
        let Some((product, price)) = label.rsplit_once(PRICED) else {
            return Self { label: accrued_as.clone(), amount, priced: None, accrued_as };
        };
        Self { label: product.to_owned(), amount, priced: priced(price, exact, amount), accrued_as }
    }
}

/// How many of a price the exact sum is: credit that is no invoice's may have paid a part of a use.
fn priced(price: &str, exact: Money, amount: Money) -> Option<(Decimal, Money)> {
    let currency = exact.currency();
    let price = Money::parse(currency, price).ok()?;
    let quantity = rounding::half_away(exact.amount().checked_div(price.amount())?, QUANTITY_DIGITS).normalize();
    let shown = rounding::half_away(quantity.checked_mul(price.amount())?, currency.exponent());
    (shown == amount.amount()).then_some((quantity, price))
}

/// Decimals of a quantity.
const QUANTITY_DIGITS: u32 = 6;

/// The part of a month with one funding, as its invoice shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billed {
    /// The lines, each rounded once. What would round to nothing by itself is one line, the last, if it comes to something.
    pub lines: Vec<BilledLine>,
    /// The exact sum of the use.
    pub exact: Money,
    /// The sum of the rounded lines.
    pub total: Money,
}

impl Billed {
    /// Rounds the sums of a month, line by line.
    pub fn of(wallet: &Wallet, sums: &[(String, Money)]) -> Result<Self, MoneyError> {
        let zero = Money::zero(wallet.currency);
        let (mut lines, mut exact, mut total, mut rest) = (Vec::with_capacity(sums.len()), zero, zero, zero);
        let rounded = |sum: Money| Money::new(sum.currency(), rounding::half_away(sum.amount(), sum.currency().exponent()));
        for (label, sum) in sums {
            let amount = rounded(*sum)?;
            exact = exact.plus(*sum)?;
            if label.is_empty() || !amount.is_positive() {
                rest = rest.plus(*sum)?;
                continue;
            }
            total = total.plus(amount)?;
            lines.push(BilledLine::of(label, *sum, amount));
        }
        let amount = rounded(rest)?;
        if amount.is_positive() {
            total = total.plus(amount)?;
            lines.push(BilledLine::of("", rest, amount));
        }
        Ok(Self { lines, exact, total })
    }

    /// The number of the line that bills what accrued under a label: its own, or the last, which has the rest.
    #[must_use]
    pub fn line_of(&self, label: &str) -> usize {
        let own = self.lines.iter().position(|line| line.accrued_as == label && !label.is_empty());
        own.map_or(self.lines.len(), |place| place.saturating_add(1))
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
    use super::{Billed, BilledLine, Funding, accrued, settle_deposits, settle_postpaid};
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
                let sum = sums.entry((funding, label)).or_insert(aud(0));
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
        assert_eq!(shown(&billed), [("a", 1_010_000, None), ("b", 1_000_000, None)]);
        assert_eq!((billed.exact, billed.total), (aud(2_014_998), aud(2_010_000)));
        assert_eq!(["a", "b", "c"].map(|label| billed.line_of(label)), [1, 2, 2], "what rounds to nothing stands on the last");
    }

    type Shown<'a> = (&'a str, i64, Option<(String, i64)>);

    fn shown(billed: &Billed) -> Vec<Shown<'_>> {
        let priced = |line: &BilledLine| line.priced.map(|(quantity, price)| (quantity.to_string(), price.micros()));
        billed.lines.iter().map(|line| (line.label.as_str(), line.amount.micros(), priced(line))).collect()
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
}
