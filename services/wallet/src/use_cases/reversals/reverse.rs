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
use chrono::NaiveDate;
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_kernel::{Id, Money};
use payterms_proto::wallet::v1::{ReverseTransferResponse, TransferReversed};
use payterms_wallet_domain::{
    Wallet,
    month::Funding,
    original::Original,
    reversal::{self, Lowered, NotReversed},
};
use std::collections::BTreeMap;

/// Reverses a transfer, whole or in part.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `USAGE_INVOICED`, `SECOND_PERSON_REQUIRED`; those of
/// [`reversal::reverse`].
pub async fn reverse_transfer(
    app: &App,
    call: &Call,
    command: &ReverseTransfer,
) -> Result<Answer<ReverseTransferResponse>, AppError> {
    let named = &command.wallet;
    let mut tx = app.db.begin(call).await?;
    let mut locked = lock_wallet(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let (original, billed) = load_original(&tx, &mut locked, command.transfer).await?;
    let before = reversed_before(&original)?;
    let now = tx.now();
    let (reversal, lowered) = match reversal::reverse(
        &mut locked.wallet,
        tx.ids(),
        &original,
        command.order.clone(),
        now,
    ) {
        Ok(reversed) => reversed,
        Err(NotReversed::Refused(refusal)) => return Err(refusal.into()),
        Err(NotReversed::Billed { left }) => {
            return Err(closing_refusal(&tx, &locked.wallet, billed, left).await?);
        }
    };
    must_be_one_persons(&tx, before, &reversal).await?;
    lower_months(&tx, &locked, lowered).await?;
    for lot in locked
        .wallet
        .lots
        .iter()
        .filter(|lot| reversal.parts.iter().any(|part| part.to == Some(lot.id)))
    {
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
    let left = original
        .taken
        .iter()
        .try_fold(Money::zero(original.amount.currency()), |sum, taken| sum.plus(taken.left))?;
    Ok(original.amount.minus(left)?)
}

/// Takes what is reversed off the months that are still to be billed.
async fn lower_months(
    tx: &WriteTx,
    locked: &Locked,
    lowered: Vec<Lowered>,
) -> Result<(), AppError> {
    let mut sums: BTreeMap<([NaiveDate; 2], Funding, String), Money> = BTreeMap::new();
    for Lowered { funding, label, amount, recorded_at } in lowered {
        let sum = sums
            .entry((months_of(tx, recorded_at), funding, label))
            .or_insert_with(|| Money::zero(locked.wallet.currency));
        *sum = sum.plus(amount)?;
    }
    for ((months, funding, label), amount) in sums {
        lower_month(
            tx,
            locked.wallet.id,
            months.map(|month| Key { month, funding, label: label.clone() }),
            amount,
        )
        .await?;
    }
    Ok(())
}

async fn lower_month(
    tx: &WriteTx,
    wallet: Id<Wallet>,
    keys: [Key; 2],
    amount: Money,
) -> Result<(), AppError> {
    for key in &keys {
        if accruals::lower(tx.conn(), &tx.call().tenant, wallet, key, amount).await? {
            return Ok(());
        }
    }
    Err(AppError::Fault(format!("{amount} of wallet {wallet} are in no month")))
}
