//! What a reversal gives back: a transfer, what lots and the debt paid of it, and the use that it is
//! of.

use crate::{
    ledger::{Transfer, TransferKind},
    lot::Lot,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, Money, money::MoneyError, rounding};
use rust_decimal::Decimal;

/// Decimals of a quantity.
const QUANTITY_DIGITS: u32 = 6;

/// What one lot, or the debt, paid of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The transfer.
    pub by: Id<Transfer>,
    /// The lot; `None` for the debt.
    pub lot: Option<Lot>,
    /// What is not given back yet.
    pub left: Money,
    /// The sequence of its entry.
    pub sequence: i64,
    /// When it was recorded, which decides its month.
    pub recorded_at: DateTime<Utc>,
    /// The label under which it accrued.
    pub label: String,
    /// Whether an invoice bills it, since its month is closed: that invoice's credit note gives it
    /// back.
    pub billed: bool,
}

/// The use that a transfer is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UseOf {
    /// How much was used.
    pub quantity: Decimal,
    /// The price of one.
    pub unit_price: Money,
    /// How much of it is reversed already.
    pub reversed: Decimal,
}

/// The transfer to reverse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// The transfer.
    pub transfer: Id<Transfer>,
    /// Its kind.
    pub kind: TransferKind,
    /// How much it took.
    pub amount: Money,
    /// What it took, in the order of consumption.
    pub taken: Vec<Taken>,
    /// What lots paid later of what it left owing, in that order.
    pub settled: Vec<Taken>,
    /// What still stands of what it left owing.
    pub unpaid: Money,
    /// Whether what it left owing accrued to a postpaid agreement.
    pub postpaid: bool,
    /// The use, where it is one.
    pub used: Option<UseOf>,
    /// When it took effect.
    pub effective_at: DateTime<Utc>,
}

impl UseOf {
    /// The quantity that belongs to what is reversed of an amount; the last reversal takes the
    /// rest.
    pub(crate) fn share(&self, whole: Money, so_far: Money) -> Result<Decimal, MoneyError> {
        if so_far == whole {
            return self.quantity.checked_sub(self.reversed).ok_or(MoneyError::Overflow);
        }
        let product = self.quantity.checked_mul(so_far.amount()).ok_or(MoneyError::Overflow)?;
        let exact = product.checked_div(whole.amount()).ok_or(MoneyError::Overflow)?;
        let due = rounding::half_away(exact, QUANTITY_DIGITS).min(self.quantity);
        Ok(due
            .checked_sub(self.reversed)
            .ok_or(MoneyError::Overflow)?
            .max(Decimal::ZERO)
            .normalize())
    }
}
