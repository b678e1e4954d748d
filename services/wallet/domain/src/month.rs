//! The month's end of a wallet: the use that deposits paid, and the use of a postpaid wallet, go to
//! invoices (docs/domain/wallet.md#closing-movements, docs/domain/wallet.md#postpaid-month).

use crate::{
    ledger::{Account, Transfer, TransferKind},
    lot::TaxKind,
    settlement::{deposit, post},
    wallet::{LotFunding, NewLot, Wallet},
};
use chrono::{DateTime, NaiveDate, Utc};
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

payterms_kernel::names! {
    /// The name in columns.
    Funding { Deposit = "DEPOSIT", Postpaid = "POSTPAID" }
}

/// Between a product and its price in a label; no text of a request holds it.
const PRICED: char = '\u{1f}';
/// Characters of the text of a label.
const MOST_TEXT: usize = 150;

/// The label under which a transfer accrues: a product with its price, or the words of a fee or
/// debit, also where credit pays it later. What a return left owing has none.
#[must_use]
pub fn label(kind: TransferKind, description: &str, unit_price: Option<Money>) -> Option<String> {
    let text = || description.chars().take(MOST_TEXT).collect::<String>();
    Some(match (kind, unit_price) {
        (TransferKind::Usage, Some(price)) => {
            format!("{}{PRICED}{}", text(), price.amount().normalize())
        }
        (
            TransferKind::Usage
            | TransferKind::Fee
            | TransferKind::Debit
            | TransferKind::Capture
            | TransferKind::OwedSettlement,
            _,
        ) => text(),
        (TransferKind::ReturnSettlement, _) => String::new(),
        _ => return None,
    })
}

/// What a transfer adds to its month, by funding: the label of the invoice line and the amount.
pub fn accrued(
    wallet: &Wallet,
    transfer: &Transfer,
) -> Result<Vec<(Funding, String, Money)>, MoneyError> {
    let Some(label) = label(transfer.kind, &transfer.description, transfer.unit_price) else {
        return Ok(Vec::new());
    };
    let zero = Money::zero(wallet.currency);
    let (mut deposit, mut owed) = (zero, zero);
    for entry in &transfer.entries {
        match entry.account {
            Account::InvoiceSettlement => deposit = deposit.plus(entry.amount)?,
            Account::CustomerCredit if entry.lot.is_none() && wallet.overdraft.is_some() => {
                owed = owed.minus(entry.amount)?;
            }
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
    let quantity =
        rounding::half_away(exact.amount().checked_div(price.amount())?, QUANTITY_DIGITS)
            .normalize();
    let shown = rounding::half_away(quantity.checked_mul(price.amount())?, currency.exponent());
    (shown == amount.amount()).then_some((quantity, price))
}

/// Decimals of a quantity.
const QUANTITY_DIGITS: u32 = 6;

/// The part of a month with one funding, as its invoice shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billed {
    /// The lines, each rounded once. What would round to nothing by itself is one line, the last,
    /// if it comes to something.
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
        let (mut lines, mut exact, mut total, mut rest) =
            (Vec::with_capacity(sums.len()), zero, zero, zero);
        let rounded = |sum: Money| {
            Money::new(sum.currency(), rounding::half_away(sum.amount(), sum.currency().exponent()))
        };
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

    /// The number of the line that bills what accrued under a label: its own, or the last, which
    /// has the rest.
    #[must_use]
    pub fn line_of(&self, label: &str) -> usize {
        let place_of_line =
            self.lines.iter().position(|line| line.accrued_as == label && !label.is_empty());
        place_of_line.map_or(self.lines.len(), |place| place.saturating_add(1))
    }
}

/// A closing: of which month, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// The first day of the month.
    pub month: NaiveDate,
    /// Its id, and the payment's that pays its invoice from deposits.
    pub id: Uuid,
    /// When it is closed.
    pub at: DateTime<Utc>,
}

impl Closed {
    /// What the entry of its rounding says.
    fn rounding(self) -> String {
        self.month.format("Rounding of %B %Y").to_string()
    }
}

/// Moves the use that deposits paid to the invoice that taxes it, as part of a payment. What its
/// lines are rounded by goes between the customer's credit and the rounding account, so that
/// deposits pay what the invoice says (docs/domain/money-and-time.md#rounding-account).
pub fn settle_deposits(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    billed: &Billed,
    closed: Closed,
) -> Result<(), Refusal> {
    let (payment, now) = (closed.id, closed.at);
    if billed.exact.is_positive() {
        let sides = vec![
            (Account::InvoiceSettlement, None, billed.exact.negated()),
            (Account::Rounding, None, billed.exact),
        ];
        post(wallet, ids, TransferKind::MonthClose, None, sides, now)?;
    }
    if billed.total.is_positive() {
        let sides = vec![
            (Account::Rounding, None, billed.total.negated()),
            (Account::InvoiceSettlement, None, billed.total),
        ];
        post(wallet, ids, TransferKind::MonthClose, Some(payment), sides, now)?;
    }
    let up = billed.total.minus(billed.exact)?;
    if up.is_positive() {
        take_rounding(wallet, ids, up, closed)
    } else {
        give_rounding(wallet, ids, up.negated(), closed)
    }
}

/// The invoice comes to more than was used: deposits pay that too, as far as there are any. A debt
/// is never made of it.
fn take_rounding(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    amount: Money,
    closed: Closed,
) -> Result<(), Refusal> {
    let (mut left, mut sides) = (amount, Vec::new());
    for lot in wallet
        .lots
        .iter_mut()
        .filter(|lot| lot.tax_kind == Some(TaxKind::Deposit) && lot.in_force(closed.at))
    {
        let part = lot.unpinned()?.min(left)?;
        if part.is_positive() {
            lot.remaining = lot.remaining.minus(part)?;
            left = left.minus(part)?;
            sides.push((Account::CustomerCredit, Some(lot.id), part.negated()));
        }
    }
    let taken = amount.minus(left)?;
    if taken.is_positive() {
        sides.push((Account::Rounding, None, taken));
        wallet.post(ids, TransferKind::MonthRounding, sides, closed.rounding(), closed.at)?;
    }
    Ok(())
}

/// The invoice comes to less than was used: the rest is no debt any more, or goes back to a deposit
/// that paid; else it is a lot of its own.
fn give_rounding(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    amount: Money,
    closed: Closed,
) -> Result<(), Refusal> {
    if !amount.is_positive() {
        return Ok(());
    }
    let mut side = None;
    if wallet.overdraft.is_none()
        && wallet.owed.minus(wallet.owed_back)?.minus(wallet.owed_undone)?.compare(amount)?.is_ge()
    {
        wallet.pay_debts(wallet.owed_for_use()?, amount)?;
        wallet.owed = wallet.owed.minus(amount)?;
        side = Some((Account::CustomerCredit, None, amount));
    } else {
        for lot in wallet
            .lots
            .iter_mut()
            .filter(|lot| lot.tax_kind == Some(TaxKind::Deposit) && lot.in_force(closed.at))
        {
            if lot.amount.minus(lot.remaining)?.compare(amount)?.is_ge() {
                lot.remaining = lot.remaining.plus(amount)?;
                side = Some((Account::CustomerCredit, Some(lot.id), amount));
                break;
            }
        }
    }
    if let Some(side) = side {
        let sides = vec![side, (Account::Rounding, None, amount.negated())];
        wallet.post(ids, TransferKind::MonthRounding, sides, closed.rounding(), closed.at)?;
    } else {
        let new = NewLot { description: closed.rounding(), ..deposit(amount, None) };
        let tax = Money::zero(wallet.currency);
        let funding = LotFunding {
            kind: TransferKind::MonthRounding,
            source: Account::Rounding,
            tax,
            recharge: false,
        };
        wallet.add_lot(ids, new, funding, closed.at)?;
    }
    Ok(())
}

/// Settles a postpaid month: receivable → customer credit, and what its lines are rounded by. The
/// wallet owes nothing for it any more; the invoice does.
pub fn settle_postpaid(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    billed: &Billed,
    closed: Closed,
) -> Result<(), Refusal> {
    if billed.exact.is_zero() {
        return Ok(());
    }
    wallet.owed = wallet.owed.minus(billed.exact)?;
    let rounding = billed.exact.minus(billed.total)?;
    if !rounding.is_zero() {
        let sides = vec![
            (Account::CustomerCredit, None, rounding),
            (Account::Rounding, None, rounding.negated()),
        ];
        wallet.post(ids, TransferKind::MonthRounding, sides, closed.rounding(), closed.at)?;
    }
    if billed.total.is_zero() {
        return Ok(());
    }
    let sides = vec![
        (Account::CustomerCredit, None, billed.total),
        (Account::Receivable, None, billed.total.negated()),
    ];
    post(wallet, ids, TransferKind::PostpaidClose, None, sides, closed.at)
}

#[cfg(test)]
#[path = "month_tests.rs"]
mod tests;
