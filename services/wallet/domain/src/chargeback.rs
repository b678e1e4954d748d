//! Chargebacks: an issuer takes a charge back, whether or not the money has been spent
//! (docs/domain/wallet.md#chargeback-movement, docs/domain/invoicing.md#chargeback).

use crate::{
    charge::{Charge, ChargeState},
    ledger::{Account, TransferKind},
    lot::{Lot, LotKind, TaxKind},
    settlement::post,
    top_up::{TopUp, TopUpState},
    wallet::Wallet,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, IdSource, Money, Refusal, money::MoneyError, rounding};
use uuid::Uuid;

/// How a charge of a payment was taken back, and who bears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChargedBack {
    /// The whole amount taken back.
    pub amount: Money,
    /// The part that had paid invoices: they are open again by as much.
    pub from_invoices: Money,
    /// The part that had become credit when the payment took more than its invoices.
    pub from_surplus: Money,
    /// Id of the dispute; none on charges from before there were any.
    pub dispute: Option<Uuid>,
}

/// What an issuer has taken back, and from where. A dispute that is won gives it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenBack {
    /// All of it.
    pub amount: Money,
    /// The part that was taken from purchased credit, or is owed.
    pub credit: Money,
    /// The part that was tax of a top-up.
    pub tax: Money,
    /// The part that had paid invoices.
    pub from_invoices: Money,
    /// The part that had become credit when the payment took more than its invoices.
    pub from_surplus: Money,
}

/// Reverses a top-up: the credit of its own lot, then other purchased credit of its tax kind, the
/// newest first, and tax payable → provider clearing. Credit that is spent already becomes a debt.
/// Never more than was not refunded. `None` if the top-up was taken back before.
///
/// # Errors
/// `CURRENCY_MISMATCH`.
pub fn of_top_up(
    top_up: &mut TopUp,
    wallet: &mut Wallet,
    ids: &mut IdSource,
    amount: Money,
    now: DateTime<Utc>,
) -> Result<Option<TakenBack>, Refusal> {
    wallet.takes(amount)?;
    let rest = top_up.amount.minus(top_up.refunded_credit)?.minus(top_up.refunded_tax)?;
    let amount = amount.min(rest)?;
    if top_up.state != TopUpState::Succeeded || !amount.is_positive() {
        return Ok(None);
    }
    // The tax of refunds is not the state's any more. All of the rest has all that is left of it.
    let tax_left = top_up.tax.minus(top_up.refunded_tax)?;
    let tax = if amount == rest {
        tax_left
    } else {
        part(top_up.tax, amount, top_up.amount)?.min(tax_left)?
    };
    let credit = amount.minus(tax)?;
    let mut sides = take(wallet, credit, top_up.tax_kind, top_up.lot)?;
    let others =
        [(Account::TaxPayable, None, tax.negated()), (Account::ProviderClearing, None, amount)];
    sides.extend(others.into_iter().filter(|(.., amount)| !amount.is_zero()));
    post(wallet, ids, TransferKind::Chargeback, Some(top_up.id.uuid()), sides, now)?;
    top_up.state = TopUpState::ChargedBack;
    top_up.updated_at = now.max(top_up.updated_at);
    let zero = Money::zero(wallet.currency);
    Ok(Some(TakenBack { amount, credit, tax, from_invoices: zero, from_surplus: zero }))
}

/// The share of a tax that belongs to a part of its amount.
fn part(tax: Money, amount: Money, whole: Money) -> Result<Money, MoneyError> {
    let exact = tax
        .amount()
        .checked_mul(amount.amount())
        .and_then(|product| product.checked_div(whole.amount()))
        .ok_or(MoneyError::Overflow)?;
    Money::new(tax.currency(), rounding::half_away(exact, tax.currency().exponent()))
}

/// Lots, and a part of each.
pub type LotParts = Vec<(Id<Lot>, Money)>;

/// Entries of a transfer, before they are posted.
pub(crate) type Sides = Vec<(Account, Option<Id<Lot>>, Money)>;

/// Takes purchased credit of a tax kind, that of one lot before the newest. What is missing becomes
/// a debt of the wallet, which no auto-recharge pays.
fn take(
    wallet: &mut Wallet,
    amount: Money,
    kind: TaxKind,
    id: Option<Id<Lot>>,
) -> Result<Sides, MoneyError> {
    let is_affected = |lot: &&mut Lot| lot.kind == LotKind::Purchased && lot.tax_kind == Some(kind);
    let mut lots: Vec<_> = wallet.lots.iter_mut().filter(is_affected).collect();
    lots.sort_by_key(|lot| (id != Some(lot.id), std::cmp::Reverse(lot.sequence)));
    let (mut left, mut sides) = (amount, Sides::new());
    for lot in lots {
        let part = lot.unpinned()?.min(left)?;
        if part.is_positive() {
            lot.remaining = lot.remaining.minus(part)?;
            left = left.minus(part)?;
            sides.push((Account::CustomerCredit, Some(lot.id), part.negated()));
        }
    }
    if left.is_positive() {
        wallet.owed = wallet.owed.plus(left)?;
        wallet.owed_undone = wallet.owed_undone.plus(left)?;
        // Only deposits: what taxed credit paid for is taxed again by whatever pays this debt in
        // the end.
        if kind == TaxKind::Deposit {
            wallet.owed_back = wallet.owed_back.plus(left)?;
        }
        sides.push((Account::CustomerCredit, None, left.negated()));
    }
    Ok(sides)
}

/// The lots that the chargebacks of this change have taken credit from, and how much of each. The
/// rest of what they took became debt.
#[must_use]
pub fn lots_taken(wallet: &Wallet) -> LotParts {
    let entries = wallet
        .transfers
        .iter()
        .filter(|transfer| transfer.kind == TransferKind::Chargeback)
        .flat_map(|transfer| &transfer.entries);
    entries.filter_map(|entry| Some((entry.lot?, entry.amount.negated()))).collect()
}

/// Splits off as much of what was taken from lots as belongs to a part of it; less where the rest
/// of it became debt.
///
/// # Errors
/// `CurrencyMismatch`, `Overflow`.
pub fn split_off(lots: &mut LotParts, part: Money) -> Result<LotParts, MoneyError> {
    let (mut left, mut pairs) = (part, LotParts::new());
    for (lot, amount) in lots.iter_mut() {
        let taken = left.min(*amount)?;
        if taken.is_positive() {
            (left, *amount) = (left.minus(taken)?, amount.minus(taken)?);
            pairs.push((*lot, taken));
        }
    }
    Ok(pairs)
}

/// A charge that an issuer takes back, and what had become of it.
#[derive(Debug, Clone, Copy)]
pub struct ReturnedCharge {
    /// How much is taken back.
    pub amount: Money,
    /// How much of the charge was refunded before.
    pub refunded: Money,
    /// The payment's surplus, as far as no other chargeback has used it up.
    pub surplus: Money,
}

/// Takes back a charge of a payment: invoice settlement → provider clearing. The part that had
/// become credit (a surplus, or a refund to credit) is taken from the wallet again. `None` if the
/// charge was taken back before.
///
/// # Errors
/// `CURRENCY_MISMATCH`.
pub fn of_charge(
    charge: &mut Charge,
    wallet: &mut Wallet,
    ids: &mut IdSource,
    returned: ReturnedCharge,
    now: DateTime<Utc>,
) -> Result<Option<TakenBack>, Refusal> {
    let ReturnedCharge { amount, refunded, surplus } = returned;
    wallet.takes(amount)?;
    let amount = amount.min(charge.amount)?;
    if charge.state != ChargeState::Succeeded || !amount.is_positive() {
        return Ok(None);
    }
    let standing = charge.amount.minus(refunded)?.min(amount)?;
    let from_surplus = surplus.min(standing)?;
    let from_invoices = standing.minus(from_surplus)?;
    let payment = Some(charge.payment);
    let sides = vec![
        (Account::InvoiceSettlement, None, amount.negated()),
        (Account::ProviderClearing, None, amount),
    ];
    post(wallet, ids, TransferKind::Chargeback, payment, sides, now)?;
    let credited = amount.minus(from_invoices)?;
    if credited.is_positive() {
        let mut sides = take(wallet, credited, TaxKind::Deposit, None)?;
        sides.push((Account::InvoiceSettlement, None, credited));
        post(wallet, ids, TransferKind::Chargeback, payment, sides, now)?;
    }
    charge.state = ChargeState::ChargedBack;
    charge.charged_back = Some(ChargedBack { amount, from_invoices, from_surplus, dispute: None });
    charge.updated_at = now.max(charge.updated_at);
    Ok(Some(TakenBack {
        amount,
        credit: credited,
        tax: Money::zero(wallet.currency),
        from_invoices,
        from_surplus,
    }))
}

/// A payment that is settled after some of its charges were taken back.
#[derive(Debug)]
pub struct SettledPayment<'a> {
    /// The payment.
    pub payment: Uuid,
    /// Its charges.
    pub charges: &'a mut [Charge],
    /// What its tenders took, less the surplus.
    pub retained: Money,
}

/// Corrects the settlement of a payment after chargebacks: what was taken back beyond the part that
/// invoices retain was its surplus, so that part is taken from credit again. Answers how much of it
/// each charge had taken, by its place: a dispute that is won gives it back.
pub fn before_surplus(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    settled: SettledPayment<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<(usize, Money)>, Refusal> {
    let SettledPayment { payment, charges, retained } = settled;
    let zero = Money::zero(wallet.currency);
    let back = charges
        .iter()
        .filter_map(|charge| charge.charged_back)
        .map(|back| back.from_invoices)
        .try_fold(zero, Money::plus)?;
    let beyond = back.minus(back.min(retained)?)?;
    // Without charges, as for a bank line, less than nothing is retained.
    if !back.is_positive() || !beyond.is_positive() {
        return Ok(Vec::new());
    }
    let mut sides = take(wallet, beyond, TaxKind::Deposit, None)?;
    sides.push((Account::InvoiceSettlement, None, beyond));
    post(wallet, ids, TransferKind::Chargeback, Some(payment), sides, now)?;
    let (mut left, mut moved) = (beyond, Vec::new());
    for (place, charge) in charges.iter_mut().enumerate() {
        let Some(charged_back) = &mut charge.charged_back else { continue };
        let part = charged_back.from_invoices.min(left)?;
        if part.is_positive() {
            charged_back.from_invoices = charged_back.from_invoices.minus(part)?;
            charged_back.from_surplus = charged_back.from_surplus.plus(part)?;
            left = left.minus(part)?;
            charge.updated_at = now.max(charge.updated_at);
            moved.push((place, part));
        }
    }
    Ok(moved)
}

impl TakenBack {
    /// A part that seemed to have paid invoices had become credit: the payment was settled later.
    pub fn from_surplus_after_all(&mut self, part: Money) -> Result<(), MoneyError> {
        self.from_invoices = self.from_invoices.minus(part)?;
        self.from_surplus = self.from_surplus.plus(part)?;
        self.credit = self.credit.plus(part)?;
        Ok(())
    }
}

/// What an issuer has left of a charge that it took back, after the refunds of it that moved
/// something.
pub fn untouched(charge: &Charge, moved: Money) -> Result<Money, MoneyError> {
    let standing = charge.amount.minus(moved)?;
    let Some(back) = charge.charged_back else { return Ok(standing) };
    // What had been refunded as credit before the issuer took it is in `moved` already.
    standing
        .minus(back.from_invoices)?
        .minus(back.from_surplus)?
        .max(Money::zero(charge.amount.currency()))
}

/// The rest of a payment's surplus after the chargebacks of its charges so far.
pub fn surplus_left(
    surplus: Money,
    charges: &[Charge],
    payment: Uuid,
) -> Result<Money, MoneyError> {
    let charged_back = charges
        .iter()
        .filter(|charge| charge.payment == payment)
        .filter_map(|charge| charge.charged_back);
    charged_back.map(|back| back.from_surplus).try_fold(surplus, Money::minus)
}

#[cfg(test)]
#[path = "chargeback_tests.rs"]
mod tests;
