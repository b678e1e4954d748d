//! What a payment of invoices does in the wallet: credit is held, cards are charged, then all of it is
//! settled (docs/domain/invoicing.md#payment-steps, docs/domain/wallet.md#settlement-account).

use crate::{
    chargeback::ChargedBack,
    error::insufficient_funds,
    hold::{self, Hold, HoldState},
    ledger::{Account, TransferKind},
    lot::{Lot, LotKind, TaxKind},
    method::PaymentMethod,
    top_up::Charged,
    wallet::{NewLot, Wallet},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, IdSource, Money, Refusal, money::MoneyError};
use uuid::Uuid;

/// Whether a lot may pay an invoice: what was taxed when it was bought pays no taxed one.
fn pays(lot: &Lot, taxed: bool, now: DateTime<Utc>) -> bool {
    lot.in_force(now) && !(taxed && lot.tax_kind == Some(TaxKind::TaxedSale))
}

/// Credit that can pay invoices, in whole minor units.
///
/// # Errors
/// None that stored amounts can cause.
pub fn available_for(wallet: &Wallet, taxed: bool, now: DateTime<Utc>) -> Result<Money, MoneyError> {
    let mut free = wallet.lots.iter().filter(|lot| pays(lot, taxed, now)).map(Lot::unpinned);
    let sum = free.try_fold(wallet.debt().negated(), |sum, free| sum.plus(free?))?;
    Ok(sum.round_down_to_minor_unit())
}

/// Reserves credit for a payment; it does not expire while the payment is open.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `INSUFFICIENT_FUNDS`.
pub fn hold(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    (payment, amount, taxed): (Uuid, Money, bool),
    now: DateTime<Utc>,
) -> Result<Hold, Refusal> {
    wallet.takes(amount)?;
    let available = available_for(wallet, taxed, now)?;
    if available.compare(amount)?.is_lt() {
        return Err(insufficient_funds(available, amount));
    }
    let pins = hold::pin(wallet, amount, now, |lot| pays(lot, taxed, now))?;
    Ok(Hold { pins, ..blank(wallet, ids, (payment, amount), now) })
}

/// Stands for a hold of a payment that was refused for a reason, or released before it came: what comes
/// later is refused too, whoever asks.
#[must_use]
pub fn never_held(wallet: &Wallet, ids: &mut IdSource, (payment, reason): (Uuid, &str), now: DateTime<Utc>) -> Hold {
    let nothing = Money::zero(wallet.currency);
    Hold { state: HoldState::Voided, description: reason.to_owned(), ..blank(wallet, ids, (payment, nothing), now) }
}

/// Answers for the hold that a payment has already: done, where it is the one that is asked for.
///
/// # Errors
/// `INSUFFICIENT_FUNDS` where that was the answer before, `HOLD_STATE` after a release.
pub fn held_before(hold: &Hold, amount: Money) -> Result<(), Refusal> {
    match hold.state {
        HoldState::Active | HoldState::Captured if hold.amount == amount => Ok(()),
        HoldState::Voided if hold.description == REFUSED => {
            Err(Refusal::precondition(REFUSED, "The wallet had less than the payment asked for when it was held."))
        }
        _ => Err(Refusal::state("HOLD_STATE", "The payment's hold", hold.state.name(), &[])),
    }
}

/// The refusal of a hold that is kept.
pub const REFUSED: &str = "INSUFFICIENT_FUNDS";

fn blank(wallet: &Wallet, ids: &mut IdSource, (payment, amount): (Uuid, Money), now: DateTime<Utc>) -> Hold {
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

/// Gives back what a payment reserved; again changes nothing.
///
/// # Errors
/// None that stored amounts can cause.
pub fn release(wallet: &mut Wallet, hold: &mut Hold, ids: &mut IdSource, now: DateTime<Utc>) -> Result<(), Refusal> {
    if hold.state == HoldState::Active {
        hold::release(wallet, hold, ids, HoldState::Voided, now)?;
    }
    Ok(())
}

/// Takes all that a payment reserved: customer credit → invoice settlement; again changes nothing.
///
/// # Errors
/// `HOLD_STATE` where it was released.
pub fn capture(wallet: &mut Wallet, hold: &mut Hold, ids: &mut IdSource, now: DateTime<Utc>) -> Result<(), Refusal> {
    match hold.state {
        HoldState::Active => {}
        HoldState::Captured => return Ok(()),
        HoldState::Voided | HoldState::Expired => return Err(Refusal::state("HOLD_STATE", "The hold", hold.state.name(), &[])),
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
    post(wallet, ids, (TransferKind::InvoiceCredit, hold.payment), sides, now)
}

/// What a payment charged beyond its invoices becomes purchased credit: settlement → customer credit.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `BALANCE_OVERFLOW`.
pub fn surplus(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    (payment, amount, expires_at): (Uuid, Money, Option<DateTime<Utc>>),
    now: DateTime<Utc>,
) -> Result<Id<Lot>, Refusal> {
    wallet.takes(amount)?;
    add_lot(wallet, ids, (TransferKind::Surplus, payment), deposit(amount, expires_at), now)
}

/// What arrived by bank transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    /// The payment that it made.
    pub payment: Uuid,
    /// All of it.
    pub amount: Money,
    /// The part that buys credit, tax included, and the tax in it; the rest pays invoices.
    pub bought: Option<(Money, Money, TaxKind)>,
}

/// Books what arrived by bank transfer: bank clearing → invoice settlement, → purchased credit and tax
/// payable. Answers the lot that was bought.
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
    let bought = arrived.bought.map_or_else(|| Money::zero(wallet.currency), |(bought, ..)| bought);
    let pays = arrived.amount.minus(bought)?;
    if pays.is_positive() {
        let sides = vec![(Account::BankClearing, None, pays.negated()), (Account::InvoiceSettlement, None, pays)];
        post(wallet, ids, (TransferKind::BankTransfer, Some(arrived.payment)), sides, now)?;
    }
    let Some((bought, tax, tax_kind)) = arrived.bought else { return Ok(None) };
    let new = NewLot { tax_kind: Some(tax_kind), ..deposit(bought.minus(tax)?, expires_at) };
    let before = wallet.transfers.len();
    let lot = wallet.add_lot(ids, new, (TransferKind::TransferTopUp, Account::BankClearing, tax), now)?;
    if let Some(transfer) = wallet.transfers.get_mut(before) {
        transfer.payment = Some(arrived.payment);
    }
    Ok(Some(lot))
}

/// Purchased credit that was not taxed when it was bought.
pub(crate) fn deposit(amount: Money, expires_at: Option<DateTime<Utc>>) -> NewLot {
    NewLot { kind: LotKind::Purchased, tax_kind: Some(TaxKind::Deposit), priority: 0, amount, expires_at, description: String::new() }
}

/// Makes a lot of what invoices do not keep, in the name of a payment.
pub(crate) fn add_lot(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    (kind, payment): (TransferKind, Uuid),
    new: NewLot,
    now: DateTime<Utc>,
) -> Result<Id<Lot>, Refusal> {
    let before = wallet.transfers.len();
    let zero = Money::zero(wallet.currency);
    let lot = wallet.add_lot(ids, new, (kind, Account::InvoiceSettlement, zero), now)?;
    // What it settles of what was owed is usage, and counts to the invoices that tax it.
    if let Some(transfer) = wallet.transfers.get_mut(before) {
        transfer.payment = Some(payment);
    }
    Ok(lot)
}

pub(crate) fn post(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    (kind, payment): (TransferKind, Option<Uuid>),
    sides: Vec<(Account, Option<Id<Lot>>, Money)>,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    wallet.post(ids, kind, sides, String::new(), now)?;
    if let Some(transfer) = wallet.transfers.last_mut() {
        transfer.payment = payment;
    }
    Ok(())
}

/// Where a charge is in its lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeState {
    /// The provider is being asked, or takes its time.
    Processing,
    /// The money is taken.
    Succeeded,
    /// No money is taken.
    Failed,
    /// The issuer has taken it back.
    ChargedBack,
}

impl ChargeState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Processing, Self::Succeeded, Self::Failed, Self::ChargedBack];

    /// The name of the state, as in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Processing => "PROCESSING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::ChargedBack => "CHARGED_BACK",
        }
    }
}

/// What a card is charged for a payment. Amount and provider key are fixed before the provider is
/// asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Its id.
    pub id: Id<Charge>,
    /// The step of the payment that asked for it: one step makes one charge, for ever.
    pub step: Uuid,
    /// The wallet whose ledger it goes through.
    pub wallet: Id<Wallet>,
    /// The payment.
    pub payment: Uuid,
    /// What is charged; none where the customer has no collection method.
    pub method: Option<Id<PaymentMethod>>,
    /// Where it is.
    pub state: ChargeState,
    /// How much.
    pub amount: Money,
    /// Why it failed.
    pub decline_code: String,
    /// The provider's id.
    pub provider_charge_id: String,
    /// How it was taken back.
    pub charged_back: Option<ChargedBack>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Charge {
    /// Takes in what the provider said; money that was taken goes from its clearing to the invoices.
    /// A charge that has ended stays as it is.
    ///
    /// # Errors
    /// `BALANCE_OVERFLOW`.
    pub fn charged(
        &mut self,
        wallet: &mut Wallet,
        ids: &mut IdSource,
        (charge_id, charged): (String, Charged),
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        if self.state != ChargeState::Processing {
            return Ok(());
        }
        self.provider_charge_id = charge_id;
        self.updated_at = now;
        match charged {
            Charged::Processing(_) => {}
            Charged::RequiresAction => self.fail("authentication_required".to_owned()),
            Charged::Declined(code) => self.fail(code),
            Charged::Succeeded => {
                self.state = ChargeState::Succeeded;
                let sides = vec![(Account::ProviderClearing, None, self.amount.negated()), (Account::InvoiceSettlement, None, self.amount)];
                post(wallet, ids, (TransferKind::Charge, Some(self.payment)), sides, now)?;
            }
        }
        Ok(())
    }

    /// Ends the charge without money.
    pub fn fail(&mut self, decline_code: String) {
        self.state = ChargeState::Failed;
        self.decline_code = decline_code;
    }
}

#[cfg(test)]
#[path = "settlement_tests.rs"]
mod tests;
