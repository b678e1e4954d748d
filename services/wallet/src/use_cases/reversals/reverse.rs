//! Gives back what a debit, capture, use or fee took.

use super::{
    invoiced::closing_refusal,
    load::{load_original, month_of, must_be_one_persons},
};
use crate::{
    app::App,
    commands::reversals::ReverseTransfer,
    messages,
    store::{
        accruals::{self, Key},
        reversals,
        wallets::Locked,
    },
    use_cases::{
        lots::expire::schedule_expiry,
        recharges::save::schedule_recharges,
        wallets::{load::lock_wallet, save::save_wallet},
    },
};
use chrono::{DateTime, Utc};
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_kernel::Money;
use payterms_proto::wallet::v1::{ReverseTransferResponse, TransferReversed};
use payterms_wallet_domain::reversal::{self, Lowered, Original};
use std::collections::BTreeMap;

/// Reverses a transfer, whole or in part.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `USAGE_INVOICED`, `SECOND_PERSON_REQUIRED`; those of [`reversal::reverse`].
pub async fn reverse_transfer(app: &App, call: &Call, command: &ReverseTransfer) -> Result<Answer<ReverseTransferResponse>, AppError> {
    let named = &command.wallet;
    let mut tx = app.db.begin(call).await?;
    let mut locked = lock_wallet(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let original = load_original(&tx, &mut locked, command.transfer).await?;
    let before = reversed_before(&original)?;
    let now = tx.now();
    let (reversal, lowered) = reversal::reverse(&mut locked.wallet, tx.ids(), &original, command.order.clone(), now)?;
    must_be_one_persons(&tx, before, &reversal).await?;
    lower_months(&tx, &locked, lowered).await?;
    for lot in locked.wallet.lots.iter().filter(|lot| reversal.parts.iter().any(|part| part.to == Some(lot.id))) {
        if let Some(expiry) = lot.expires_at {
            schedule_expiry(&tx, locked.wallet.id, lot.id, expiry).await?;
        }
    }
    let after = messages::wallets::wallet(&call.tenant, &locked.wallet, now)?;
    save_wallet(&tx, &mut locked).await?;
    reversals::insert(tx.conn(), &call.tenant, &reversal, None).await?;
    schedule_recharges(&tx, [&locked.wallet]).await?;
    let rendered = Some(messages::reversals::reversal(&named.name(), &reversal));
    let event = TransferReversed { wallet: Some(after), reversal: rendered.clone() };
    tx.emit("wallet", &named.wallet.to_string(), &event).await?;
    tx.commit(ReverseTransferResponse { reversal: rendered }).await
}

fn reversed_before(original: &Original) -> Result<Money, AppError> {
    let left = original.taken.iter().try_fold(Money::zero(original.amount.currency()), |sum, taken| sum.plus(taken.left))?;
    Ok(original.amount.minus(left)?)
}

/// The last entry that accrued to a sum, and how much is taken off.
type Taken = ((i64, DateTime<Utc>), Money);

/// Takes what is reversed off the months that are still to be billed.
///
/// # Errors
/// `USAGE_INVOICED` if one is closed.
async fn lower_months(tx: &WriteTx, locked: &Locked, lowered: Vec<Lowered>) -> Result<(), AppError> {
    let mut sums: BTreeMap<Key, Taken> = BTreeMap::new();
    for Lowered { funding, label, amount, sequence, recorded_at } in lowered {
        let key = Key { month: month_of(tx, recorded_at), funding, label };
        let zero = Money::zero(locked.wallet.currency);
        let (first, sum) = sums.entry(key).or_insert(((sequence, recorded_at), zero));
        *first = (*first).min((sequence, recorded_at));
        *sum = sum.plus(amount)?;
    }
    let (conn, tenant, wallet) = (tx.conn(), &tx.call().tenant, locked.wallet.id);
    for (key, (first, amount)) in &sums {
        if let Some(closing) = accruals::closing_of(conn, tenant, (wallet, key), *first).await? {
            return Err(closing_refusal(tx, &locked.wallet, closing, key).await?);
        }
        if !accruals::lower(conn, tenant, (wallet, key), *amount).await? {
            return Err(AppError::Fault(format!("{amount} of wallet {wallet} are in no month")));
        }
    }
    Ok(())
}
