//! Reversals: what a debit, capture, use or fee took is given back, whole or in parts
//! (docs/domain/wallet.md#reversals).

use crate::{
    UsageRecord,
    ledger::{Account, Transfer, TransferKind},
    lot::{Lot, TaxKind},
    month::Funding,
    not_reversible::must_be_reversible,
    original::{Original, Taken},
    wallet::{Payer, Wallet},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, IdSource, Money, Reason, Refusal, Violation};
use rust_decimal::Decimal;

/// What was reversed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reversed {
    /// A transfer of the wallet.
    Transfer(Id<Transfer>),
    /// A use that a metered service bills, and that took no credit.
    MeteredUse(Id<UsageRecord>),
}

/// A reversal; it never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    /// Its id, which is also that of its own transfer, if it has one.
    pub id: Id<Reversal>,
    /// The wallet.
    pub wallet: Id<Wallet>,
    /// What was reversed.
    pub original: Reversed,
    /// How much of it.
    pub amount: Money,
    /// How much of the quantity, where the original is a use.
    pub quantity: Option<Decimal>,
    /// Why, in the words of who asked for it.
    pub explanation: String,
    /// Where the credit went, in the order in which it was given back.
    pub parts: Vec<Part>,
    /// When it took effect.
    pub effective_at: DateTime<Utc>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
}

/// A part of a reversal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The transfer that had taken it: the original, or the one that later paid what the original
    /// left owing.
    pub taken_by: Id<Transfer>,
    /// The lot that had paid it; `None` for the debt.
    pub from: Option<Id<Lot>>,
    /// The lot that has it now; `None` where it lowered the debt.
    pub to: Option<Id<Lot>>,
    /// How much.
    pub amount: Money,
}

/// A reversal to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// How much; `None` for all that is left.
    pub amount: Option<Money>,
    /// When it takes effect; `None` for now.
    pub effective_at: Option<DateTime<Utc>>,
    /// Why.
    pub explanation: String,
}

/// Why nothing is reversed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReversed {
    /// It asks for more than no invoice bills.
    Billed {
        /// What no invoice bills.
        left: Money,
    },
    /// It is refused.
    Refused(Refusal),
}

impl<R: Into<Refusal>> From<R> for NotReversed {
    fn from(refusal: R) -> Self {
        Self::Refused(refusal.into())
    }
}

/// What a reversal takes off the bill of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lowered {
    /// How the use was paid.
    pub funding: Funding,
    /// The label.
    pub label: String,
    /// How much.
    pub amount: Money,
    /// When the entry that accrued was recorded.
    pub recorded_at: DateTime<Utc>,
}

/// A use or transfer of which nothing is left to reverse.
pub(crate) fn already_reversed() -> Refusal {
    Refusal::precondition(Reason::ALREADY_REVERSED, "All of it is reversed already.")
}

fn too_large(left: Money) -> Refusal {
    let message = format!("{left} of it can still be reversed. Ask for at most that.");
    Refusal::precondition(Reason::REVERSAL_TOO_LARGE, message)
        .with("left", left.amount())
        .with("currency", left.currency())
}

/// The instant at which a reversal takes effect: neither before the original nor in the future.
pub(crate) fn effective(
    at: Option<DateTime<Utc>>,
    original: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, Refusal> {
    let at = at.unwrap_or(now);
    if at >= original.min(now) && at <= now {
        return Ok(at);
    }
    let description =
        "Name an instant that is neither before the original nor in the future.".to_owned();
    Err(Refusal::invalid(vec![Violation {
        field: "effective_time".into(),
        reason: Reason::TIME_OUT_OF_RANGE,
        description,
    }]))
}

/// Gives back what a transfer took: what was taken last first, to the debt or to the lot that had
/// paid it. A lot that is over gives way to a new one like it. What an invoice bills stays.
///
/// # Errors
/// `Billed`; `NOT_REVERSIBLE`, `CURRENCY_MISMATCH`, `ALREADY_REVERSED`, `REVERSAL_TOO_LARGE`,
/// `TIME_OUT_OF_RANGE`.
pub fn reverse(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    original: &Original,
    order: Order,
    now: DateTime<Utc>,
) -> Result<(Reversal, Vec<Lowered>), NotReversed> {
    must_be_reversible(original.kind)?;
    let zero = Money::zero(wallet.currency);
    let left = original.taken.iter().try_fold(zero, |sum, taken| sum.plus(taken.left))?;
    if let Some(amount) = order.amount {
        wallet.takes(amount)?;
    }
    if !left.is_positive() {
        return Err(already_reversed().into());
    }
    let mut amount = order.amount.unwrap_or(left);
    let billed = original.taken.iter().chain(&original.settled).any(|taken| taken.billed);
    if left.compare(amount)?.is_lt() && !billed {
        return Err(too_large(left).into());
    }
    let effective_at = effective(order.effective_at, original.effective_at, now)?;
    let mut given = Given {
        wallet,
        ids,
        now,
        parts: Vec::new(),
        sides: Vec::new(),
        lowered: Vec::new(),
        revenue: zero,
        settlement: zero,
    };
    let missing = given.take_back(original, amount)?;
    if !missing.is_zero() {
        let left = amount.minus(missing)?;
        if billed {
            return Err(NotReversed::Billed { left });
        }
        // The rounding of its month was taken off the debt already.
        if !left.is_positive() {
            return Err(already_reversed().into());
        }
        if order.amount.is_some() {
            return Err(too_large(left).into());
        }
        amount = left;
    }
    let Given { parts, mut sides, lowered, revenue, settlement, .. } = given;
    let earned = [
        (Account::Revenue, None, revenue.negated()),
        (Account::InvoiceSettlement, None, settlement.negated()),
    ];
    sides.extend(earned.into_iter().filter(|(.., amount)| !amount.is_zero()));
    let transfer =
        wallet.post(ids, TransferKind::Reversal, sides, order.explanation.clone(), now)?;
    if let Some(this_transfer) = wallet.transfers.iter_mut().rev().find(|each| each.id == transfer)
    {
        this_transfer.effective_at = effective_at;
    }
    let recorded_at = wallet.updated_at;
    // Credit that is free again pays the wallet's debt first, as new credit does.
    for lot in parts.iter().filter_map(|part| part.to) {
        wallet.settle_owed(ids, lot, Payer::Free, now)?;
    }
    let before = original.amount.minus(left)?;
    let quantity = original
        .used
        .as_ref()
        .map(|used| used.share(original.amount, before.plus(amount)?))
        .transpose()?;
    let reversal = Reversal {
        id: Id::from_uuid(transfer.uuid()),
        wallet: wallet.id,
        original: Reversed::Transfer(original.transfer),
        amount,
        quantity,
        explanation: order.explanation,
        parts,
        effective_at,
        recorded_at,
    };
    Ok((reversal, lowered))
}

/// A reversal in the making.
struct Given<'a> {
    wallet: &'a mut Wallet,
    ids: &'a mut IdSource,
    now: DateTime<Utc>,
    parts: Vec<Part>,
    sides: Vec<(Account, Option<Id<Lot>>, Money)>,
    lowered: Vec<Lowered>,
    revenue: Money,
    settlement: Money,
}

impl Given<'_> {
    /// Takes back at most `amount` of what was taken, the last part first; returns what is missing.
    fn take_back(&mut self, original: &Original, mut amount: Money) -> Result<Money, Refusal> {
        for taken in original.taken.iter().rev().filter(|taken| !taken.billed) {
            let part = taken.left.min(amount)?;
            if !part.is_positive() {
                continue;
            }
            let missing = match &taken.lot {
                Some(lot) => {
                    self.restore_lot(taken, lot, part).map(|()| Money::zero(part.currency()))?
                }
                None => self.lower_debt(original, taken, part)?,
            };
            amount = amount.minus(part)?.plus(missing)?;
        }
        Ok(amount)
    }

    /// Lowers the debt. What lots paid of it meanwhile goes back to them.
    fn lower_debt(
        &mut self,
        original: &Original,
        taken: &Taken,
        part: Money,
    ) -> Result<Money, Refusal> {
        let stands = if original.postpaid {
            part
        } else {
            original.unpaid.min(self.wallet.owed_for_use()?)?
        };
        let lowers = stands.min(part)?;
        if lowers.is_positive() {
            self.wallet.owed = self.wallet.owed.minus(lowers)?;
            self.revenue = self.revenue.plus(lowers)?;
            self.sides.push((Account::CustomerCredit, None, lowers));
            self.parts.push(Part { taken_by: taken.by, from: None, to: None, amount: lowers });
            if original.postpaid {
                self.lower(Funding::Postpaid, taken, lowers);
            }
            self.wallet.lower_debt(taken.sequence, lowers)?;
        }
        let mut rest = part.minus(lowers)?;
        for settled in original.settled.iter().rev().filter(|settled| !settled.billed) {
            let Some(lot) = settled.lot.as_ref().filter(|_| rest.is_positive()) else { continue };
            let again = settled.left.min(rest)?;
            if again.is_positive() {
                rest = rest.minus(again)?;
                // Two parts: the settlement's, so that its credit returns once, and the original's,
                // so that it is not owed again.
                self.restore_lot(settled, lot, again)?;
                self.parts.push(Part { taken_by: taken.by, from: None, to: None, amount: again });
            }
        }
        Ok(rest)
    }

    fn restore_lot(&mut self, taken: &Taken, lot: &Lot, part: Money) -> Result<(), Refusal> {
        if lot.tax_kind == Some(TaxKind::Deposit) {
            self.settlement = self.settlement.plus(part)?;
            self.lower(Funding::Deposit, taken, part);
        } else {
            self.revenue = self.revenue.plus(part)?;
        }
        for (to, part) in self.wallet.restore(self.ids, lot, part, self.now)? {
            self.sides.push((Account::CustomerCredit, Some(to), part));
            self.parts.push(Part {
                taken_by: taken.by,
                from: Some(lot.id),
                to: Some(to),
                amount: part,
            });
        }
        Ok(())
    }

    fn lower(&mut self, funding: Funding, taken: &Taken, amount: Money) {
        self.lowered.push(Lowered {
            funding,
            label: taken.label.clone(),
            amount,
            recorded_at: taken.recorded_at,
        });
    }
}

#[cfg(test)]
#[path = "reversal_tests.rs"]
mod tests;
