//! Books that a dispute is won: what the issuer had taken is given back to where it was
//! (docs/domain/wallet.md#disputes).

use crate::{
    charge::{Charge, ChargeState},
    chargeback::{Sides, TakenBack},
    ledger::{Account, TransferKind},
    lot::{Lot, LotKind},
    settlement::{self, deposit, post},
    top_up::{TopUp, TopUpState},
    wallet::{Payer, Wallet},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, IdSource, Money, Refusal};

/// What a won dispute gives back, and the lots that it was taken from, as they are now.
#[derive(Debug, Clone, Copy)]
pub struct GivenBack<'a> {
    /// All that was taken.
    pub taken: TakenBack,
    /// The lots, and how much was taken from each.
    pub lots: &'a [(Lot, Money)],
}

/// Books that the dispute of a top-up is won: provider clearing → purchased credit and tax payable.
/// Each lot has back what was taken from it; what had become debt goes to the top-up's own lot,
/// `own`. Both pay what is owed. Returns the lots that have credit again.
///
/// # Errors
/// `CURRENCY_MISMATCH`.
pub fn won_top_up(
    top_up: &mut TopUp,
    wallet: &mut Wallet,
    ids: &mut IdSource,
    GivenBack { taken, lots }: GivenBack<'_>,
    this_lot: Option<&Lot>,
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Vec<Id<Lot>>, Refusal> {
    if top_up.state != TopUpState::ChargedBack {
        return Ok(Vec::new());
    }
    top_up.state = TopUpState::Succeeded;
    top_up.updated_at = now.max(top_up.updated_at);
    let others: Vec<_> = lots.iter().filter(|(lot, _)| Some(lot.id) != top_up.lot).collect();
    let to_own = others.iter().try_fold(taken.credit, |left, (_, part)| left.minus(*part))?;
    let mut sides = vec![
        (Account::ProviderClearing, None, taken.amount.negated()),
        (Account::TaxPayable, None, taken.tax),
    ];
    let mut restored = Vec::new();
    if to_own.is_positive() {
        let like =
            this_lot.cloned().unwrap_or_else(|| bought_lot(top_up, ids.make(), expires_at, now));
        restored.extend(restore(wallet, ids, &like, to_own, &mut sides, now)?);
    }
    for (lot, part) in others {
        restored.extend(restore(wallet, ids, lot, *part, &mut sides, now)?);
    }
    sides.retain(|(.., amount)| !amount.is_zero());
    post(wallet, ids, TransferKind::DisputeWon, Some(top_up.id.uuid()), sides, now)?;
    let stands = wallet.lots.iter().any(|lot| Some(lot.id) == top_up.lot && lot.in_force(now));
    if to_own.is_positive() && !stands {
        // What can be refunded of the top-up lies in the new lot.
        top_up.lot = restored.first().copied();
        top_up.expires_at = wallet
            .lots
            .iter()
            .find(|lot| Some(lot.id) == top_up.lot)
            .and_then(|lot| lot.expires_at);
    }
    pay_owed(wallet, ids, &restored, now)?;
    Ok(restored)
}

/// A lot such as a top-up buys, where it has none.
fn bought_lot(
    top_up: &TopUp,
    id: Id<Lot>,
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Lot {
    let zero = Money::zero(top_up.amount.currency());
    Lot {
        id,
        sequence: 0,
        kind: LotKind::Purchased,
        tax_kind: Some(top_up.tax_kind),
        priority: 0,
        amount: zero,
        remaining: zero,
        pinned: zero,
        expires_at,
        created_at: now,
        description: String::new(),
    }
}

/// Gives a lot its part back; returns the lots that have it.
fn restore(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    lot: &Lot,
    part: Money,
    sides: &mut Sides,
    now: DateTime<Utc>,
) -> Result<Vec<Id<Lot>>, Refusal> {
    let parts = wallet.restore(ids, lot, part, now)?;
    sides.extend(parts.iter().map(|(lot, part)| (Account::CustomerCredit, Some(*lot), *part)));
    Ok(parts.into_iter().map(|(lot, _)| lot).collect())
}

/// Credit that is there again pays what is owed first, as new credit does.
fn pay_owed(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    lots: &[Id<Lot>],
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    lots.iter().try_for_each(|lot| wallet.settle_owed(ids, *lot, Payer::Free, now))
}

/// Books that the dispute of a charge is won: provider clearing → invoice settlement, and what had
/// been credit is credit again: that of lots in them, what had become debt in a new one. So is what
/// refunds meant to give back while the issuer had it all (`unmoved`). Returns the lots that have
/// credit again.
///
/// # Errors
/// `CURRENCY_MISMATCH`.
pub fn won_charge(
    charge: &mut Charge,
    wallet: &mut Wallet,
    ids: &mut IdSource,
    GivenBack { taken, lots }: GivenBack<'_>,
    unmoved: Money,
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Vec<Id<Lot>>, Refusal> {
    if charge.state != ChargeState::ChargedBack {
        return Ok(Vec::new());
    }
    let sides = vec![
        (Account::ProviderClearing, None, taken.amount.negated()),
        (Account::InvoiceSettlement, None, taken.amount),
    ];
    post(wallet, ids, TransferKind::DisputeWon, Some(charge.payment), sides, now)?;
    let (mut sides, mut to_lots, mut restored) =
        (Sides::new(), Money::zero(wallet.currency), Vec::new());
    for (lot, part) in lots {
        to_lots = to_lots.plus(*part)?;
        restored.extend(restore(wallet, ids, lot, *part, &mut sides, now)?);
    }
    if to_lots.is_positive() {
        sides.push((Account::InvoiceSettlement, None, to_lots.negated()));
        post(wallet, ids, TransferKind::DisputeWon, Some(charge.payment), sides, now)?;
    }
    let rest = taken.credit.plus(unmoved)?.minus(to_lots)?;
    if rest.is_positive() {
        // What had become debt pays it before the lots do.
        restored.push(settlement::add_lot(
            wallet,
            ids,
            TransferKind::DisputeWon,
            charge.payment,
            deposit(rest, expires_at),
            now,
        )?);
    }
    pay_owed(wallet, ids, &restored, now)?;
    charge.state = ChargeState::Succeeded;
    charge.charged_back = None;
    charge.updated_at = now.max(charge.updated_at);
    Ok(restored)
}

#[cfg(test)]
#[path = "dispute_won_tests.rs"]
mod tests;
