//! The wallet's part in a payment of invoices: credit is held, then all that was taken is settled
//! (docs/domain/invoicing.md#payment-steps, docs/domain/wallet.md#settlement-account).

use crate::{
    error::insufficient_funds,
    hold::{self, Hold, HoldState},
    ledger::{Account, TransferKind},
    lot::{Lot, LotKind, TaxKind},
    wallet::{LotFunding, NewLot, Wallet},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, IdSource, Money, Reason, Refusal, money::MoneyError};
use uuid::Uuid;

/// Whether the invoices of a payment charge tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvoiceTax {
    /// At least one does.
    Taxed,
    /// None does.
    Untaxed,
}

/// The credit that a payment reserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentHold {
    /// The payment.
    pub payment: Uuid,
    /// How much.
    pub amount: Money,
    /// Whether its invoices charge tax.
    pub tax: InvoiceTax,
}

/// Whether a lot may pay an invoice. Credit that was taxed at its purchase must not pay a taxed
/// invoice: it would be taxed twice.
fn pays(lot: &Lot, tax: InvoiceTax, now: DateTime<Utc>) -> bool {
    lot.in_force(now) && !(tax == InvoiceTax::Taxed && lot.tax_kind == Some(TaxKind::TaxedSale))
}

/// Credit that can pay invoices, in whole minor units.
pub fn available_for(
    wallet: &Wallet,
    tax: InvoiceTax,
    now: DateTime<Utc>,
) -> Result<Money, MoneyError> {
    let mut free = wallet.lots.iter().filter(|lot| pays(lot, tax, now)).map(Lot::unpinned);
    let sum = free.try_fold(wallet.debt().negated(), |sum, free| sum.plus(free?))?;
    Ok(sum.round_down_to_minor_unit())
}

/// Reserves credit for a payment. The hold does not expire; the payment ends it.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `INSUFFICIENT_FUNDS`.
pub fn hold(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    order: PaymentHold,
    now: DateTime<Utc>,
) -> Result<Hold, Refusal> {
    let PaymentHold { payment, amount, tax } = order;
    wallet.takes(amount)?;
    let available = available_for(wallet, tax, now)?;
    if available.compare(amount)?.is_lt() {
        return Err(insufficient_funds(available, amount));
    }
    let pins = hold::pin(wallet, amount, now, |lot| pays(lot, tax, now))?;
    Ok(Hold { pins, ..blank(wallet, ids, payment, amount, now) })
}

/// A marker for a hold that was refused with a reason, or released before it was made. While it
/// exists, a late attempt to hold for the same payment is refused too.
#[must_use]
pub fn never_held(
    wallet: &Wallet,
    ids: &mut IdSource,
    payment: Uuid,
    reason: &str,
    now: DateTime<Utc>,
) -> Hold {
    let nothing = Money::zero(wallet.currency);
    Hold {
        state: HoldState::Voided,
        description: reason.to_owned(),
        ..blank(wallet, ids, payment, nothing, now)
    }
}

/// The answer to another attempt at a payment's hold: success if the existing hold has the same
/// amount.
///
/// # Errors
/// `INSUFFICIENT_FUNDS` if that was the first answer, `HOLD_STATE` after a release.
pub fn held_before(hold: &Hold, amount: Money) -> Result<(), Refusal> {
    match hold.state {
        HoldState::Active | HoldState::Captured if hold.amount == amount => Ok(()),
        HoldState::Voided if hold.description == REFUSED => Err(Refusal::precondition(
            REFUSED,
            "The wallet had less than the payment asked for when it was held.",
        )),
        _ => Err(Refusal::state(Reason::HOLD_STATE, "The payment's hold", hold.state.name(), &[])),
    }
}

/// The description of a marker for a hold that was refused.
pub const REFUSED: Reason = Reason::INSUFFICIENT_FUNDS;

fn blank(
    wallet: &Wallet,
    ids: &mut IdSource,
    payment: Uuid,
    amount: Money,
    now: DateTime<Utc>,
) -> Hold {
    Hold {
        id: ids.make(),
        state: HoldState::Active,
        amount,
        captured: Money::zero(wallet.currency),
        pins: Vec::new(),
        payment: Some(payment),
        expires_at: now,
        description: String::new(),
        created_at: now,
        updated_at: now,
    }
}

/// Releases what a payment reserved. A repeated call changes nothing.
pub fn release(
    wallet: &mut Wallet,
    hold: &mut Hold,
    ids: &mut IdSource,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    if hold.state == HoldState::Active {
        hold::release(wallet, hold, ids, HoldState::Voided, now)?;
    }
    Ok(())
}

/// Captures all that a payment reserved: customer credit → invoice settlement. A repeated call
/// changes nothing.
///
/// # Errors
/// `HOLD_STATE` if it was released.
pub fn capture(
    wallet: &mut Wallet,
    hold: &mut Hold,
    ids: &mut IdSource,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    match hold.state {
        HoldState::Active => {}
        HoldState::Captured => return Ok(()),
        HoldState::Voided | HoldState::Expired => {
            return Err(Refusal::state(Reason::HOLD_STATE, "The hold", hold.state.name(), &[]));
        }
    }
    let mut sides = Vec::with_capacity(hold.pins.len().saturating_add(1));
    let amount = hold.held()?;
    for (id, pinned) in hold.pins.drain(..) {
        let Some(lot) = wallet.lots.iter_mut().find(|lot| lot.id == id) else { continue };
        lot.pinned = lot.pinned.minus(pinned)?;
        lot.remaining = lot.remaining.minus(pinned)?;
        sides.push((Account::CustomerCredit, Some(id), pinned.negated()));
    }
    sides.push((Account::InvoiceSettlement, None, amount));
    hold.captured = amount;
    hold.state = HoldState::Captured;
    hold.updated_at = now;
    post(wallet, ids, TransferKind::InvoiceCredit, hold.payment, sides, now)
}

/// Turns the surplus of a payment beyond its invoices into purchased credit: settlement → customer
/// credit.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `BALANCE_OVERFLOW`.
pub fn surplus(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    payment: Uuid,
    amount: Money,
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Id<Lot>, Refusal> {
    wallet.takes(amount)?;
    add_lot(wallet, ids, TransferKind::Surplus, payment, deposit(amount, expires_at), now)
}

/// Credit that a bank transfer buys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreditBought {
    /// The price, tax included.
    pub amount: Money,
    /// The tax in it.
    pub tax: Money,
    /// How the credit is taxed.
    pub tax_kind: TaxKind,
}

/// Money that arrived by bank transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    /// The payment that records it.
    pub payment: Uuid,
    /// All of it.
    pub amount: Money,
    /// The part that buys credit; the rest pays invoices.
    pub bought: Option<CreditBought>,
}

/// Books a bank transfer: bank clearing → invoice settlement, and → purchased credit and tax
/// payable. Returns the purchased lot.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `BALANCE_OVERFLOW`.
pub fn transfer(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    arrived: Arrived,
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Option<Id<Lot>>, Refusal> {
    wallet.takes(arrived.amount)?;
    let credit =
        arrived.bought.map_or_else(|| Money::zero(wallet.currency), |bought| bought.amount);
    let pays = arrived.amount.minus(credit)?;
    if pays.is_positive() {
        let sides = vec![
            (Account::BankClearing, None, pays.negated()),
            (Account::InvoiceSettlement, None, pays),
        ];
        post(wallet, ids, TransferKind::BankTransfer, Some(arrived.payment), sides, now)?;
    }
    let Some(CreditBought { amount, tax, tax_kind }) = arrived.bought else { return Ok(None) };
    let new = NewLot { tax_kind: Some(tax_kind), ..deposit(amount.minus(tax)?, expires_at) };
    let index = wallet.transfers.len();
    let lot = wallet.add_lot(
        ids,
        new,
        LotFunding {
            kind: TransferKind::TransferTopUp,
            source: Account::BankClearing,
            tax,
            recharge: false,
        },
        now,
    )?;
    if let Some(transfer) = wallet.transfers.get_mut(index) {
        transfer.payment = Some(arrived.payment);
    }
    Ok(Some(lot))
}

/// A new lot of purchased credit that is not taxed at its purchase.
pub(crate) fn deposit(amount: Money, expires_at: Option<DateTime<Utc>>) -> NewLot {
    NewLot {
        kind: LotKind::Purchased,
        tax_kind: Some(TaxKind::Deposit),
        priority: 0,
        amount,
        expires_at,
        description: String::new(),
    }
}

/// Adds a lot that invoice settlement funds, as part of a payment.
pub(crate) fn add_lot(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    kind: TransferKind,
    payment: Uuid,
    new: NewLot,
    now: DateTime<Utc>,
) -> Result<Id<Lot>, Refusal> {
    let index = wallet.transfers.len();
    let zero = Money::zero(wallet.currency);
    let lot = wallet.add_lot(
        ids,
        new,
        LotFunding { kind, source: Account::InvoiceSettlement, tax: zero, recharge: false },
        now,
    )?;
    // Only the first new transfer is the payment's. One that settles the wallet's debt is usage,
    // and belongs to the invoice that taxes it.
    if let Some(transfer) = wallet.transfers.get_mut(index) {
        transfer.payment = Some(payment);
    }
    Ok(lot)
}

pub(crate) fn post(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    kind: TransferKind,
    payment: Option<Uuid>,
    sides: Vec<(Account, Option<Id<Lot>>, Money)>,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    wallet.post(ids, kind, sides, String::new(), now)?;
    if let Some(payment) = payment {
        belongs_to(wallet, payment);
    }
    Ok(())
}

/// Says of the newest transfer what it belongs to.
pub(crate) fn belongs_to(wallet: &mut Wallet, payment: Uuid) {
    if let Some(transfer) = wallet.transfers.last_mut() {
        transfer.payment = Some(payment);
    }
}

#[cfg(test)]
#[path = "settlement_tests.rs"]
mod tests;
