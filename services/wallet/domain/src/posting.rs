//! Taking money out of a wallet: which lots pay, and how much may become a debt.

use crate::{
    error::insufficient_funds,
    ledger::{Account, Transfer, TransferKind},
    lot::{Lot, TaxKind},
    month,
    wallet::Wallet,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, IdSource, Money, Refusal};

/// A movement that took money out of a wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The transfer.
    pub transfer: Id<Transfer>,
    /// The amount taken.
    pub amount: Money,
    /// The part that each lot paid.
    pub parts: Vec<(Id<Lot>, Money)>,
    /// The balance after.
    pub balance_after: Money,
    /// Sequence of the wallet's last entry after.
    pub sequence: i64,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
}

/// A debit to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debit {
    /// How much.
    pub amount: Money,
    /// What kind of movement it is.
    pub kind: TransferKind,
    /// Whether it is taken even if less is available, as fees are.
    pub into_negative: bool,
    /// What for.
    pub description: String,
}

/// Takes an amount from the wallet's lots in debit order. A part that no lot covers becomes a debt,
/// if that is allowed.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `INSUFFICIENT_FUNDS`, `BALANCE_OVERFLOW`.
pub fn debit(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    debit: Debit,
    now: DateTime<Utc>,
) -> Result<Posting, Refusal> {
    wallet.takes(debit.amount)?;
    let available = wallet.available(now)?;
    if !debit.into_negative && available.compare(debit.amount)?.is_lt() {
        return Err(insufficient_funds(available, debit.amount));
    }
    let mut left = debit.amount;
    let mut parts = Vec::new();
    for lot in wallet.lots.iter_mut().filter(|lot| lot.in_force(now)) {
        let part = lot.unpinned()?.min(left)?;
        if part.is_positive() {
            lot.remaining = lot.remaining.minus(part)?;
            left = left.minus(part)?;
            parts.push((lot.id, lot.tax_kind, part));
        }
        if left.is_zero() {
            break;
        }
    }
    wallet.owed = wallet.owed.plus(left)?;
    post_taken(wallet, ids, &parts, left, debit, now)
}

/// Posts a debit: the parts that lots paid, and the part that is owed.
pub(crate) fn post_taken(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    parts: &[(Id<Lot>, Option<TaxKind>, Money)],
    owed: Money,
    debit: Debit,
    now: DateTime<Utc>,
) -> Result<Posting, Refusal> {
    let zero = Money::zero(wallet.currency);
    let mut sides = Vec::with_capacity(parts.len().saturating_add(3));
    let (mut revenue, mut settlement) = (owed, zero);
    for (lot, tax_kind, part) in parts {
        sides.push((Account::CustomerCredit, Some(*lot), part.negated()));
        let to = if *tax_kind == Some(TaxKind::Deposit) { &mut settlement } else { &mut revenue };
        *to = to.plus(*part)?;
    }
    if !owed.is_zero() {
        sides.push((Account::CustomerCredit, None, owed.negated()));
    }
    let earned =
        [(Account::Revenue, None, revenue), (Account::InvoiceSettlement, None, settlement)];
    sides.extend(earned.into_iter().filter(|(_, _, amount)| !amount.is_zero()));
    let label = month::label(debit.kind, &debit.description, None).unwrap_or_default();
    let transfer = wallet.post(ids, debit.kind, sides, debit.description, now)?;
    wallet.add_debt(label, owed);
    Ok(Posting {
        transfer,
        amount: debit.amount,
        parts: parts.iter().map(|(lot, _, part)| (*lot, *part)).collect(),
        balance_after: wallet.posted,
        sequence: wallet.sequence,
        recorded_at: wallet.updated_at,
    })
}
