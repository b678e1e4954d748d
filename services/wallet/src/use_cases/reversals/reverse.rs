//! Gives back what a debit, capture, use or fee took.

use super::{
    invoiced::closing_refusal,
    load::{load_original, months_of, must_be_one_persons},
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
use chrono::{DateTime, NaiveDate, Utc};
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_kernel::Money;
use payterms_proto::wallet::v1::{ReverseTransferResponse, TransferReversed};
use payterms_wallet_domain::{
    Wallet,
    reversal::{self, Lowered, Original},
};
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

/// What is taken off one sum: the months that may hold it, the first entry that accrued to it, and how much.
type Taken = ([NaiveDate; 2], (i64, DateTime<Utc>), Money);

/// Takes what is reversed off the months that are still to be billed.
///
/// # Errors
/// `USAGE_INVOICED` if one is closed.
async fn lower_months(tx: &WriteTx, locked: &Locked, lowered: Vec<Lowered>) -> Result<(), AppError> {
    let mut sums: BTreeMap<Key, Taken> = BTreeMap::new();
    for Lowered { funding, label, amount, sequence, recorded_at } in lowered {
        let months = months_of(tx, recorded_at);
        let zero = Money::zero(locked.wallet.currency);
        let (_, first, sum) = sums.entry(Key { month: months[0], funding, label }).or_insert((months, (sequence, recorded_at), zero));
        *first = (*first).min((sequence, recorded_at));
        *sum = sum.plus(amount)?;
    }
    for (key, (months, first, amount)) in sums {
        lower_month(tx, &locked.wallet, months.map(|month| Key { month, ..key.clone() }), (first, amount)).await?;
    }
    Ok(())
}

async fn lower_month(tx: &WriteTx, own: &Wallet, keys: [Key; 2], (first, amount): ((i64, DateTime<Utc>), Money)) -> Result<(), AppError> {
    let (conn, tenant) = (tx.conn(), &tx.call().tenant);
    for key in &keys {
        if let Some(closing) = accruals::closing_of(conn, tenant, (own.id, key), first).await? {
            return Err(closing_refusal(tx, own, closing, key).await?);
        }
        if accruals::lower(conn, tenant, (own.id, key), amount).await? {
            return Ok(());
        }
    }
    Err(AppError::Fault(format!("{amount} of wallet {} are in no month", own.id)))
}
