//! Takes an amount out of a wallet at once: a debit, or a custom fee.

use super::{locked, recharge};
use crate::{App, parse::Take, render, store::wallets};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::wallet::v1::{self as pb, DebitPosted, FeePosted, PostDebitResponse, PostFeeResponse};
use payterms_wallet_domain::{
    TransferKind, posting,
    posting::{Debit, Posting},
};

/// Debits what is available.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `CURRENCY_MISMATCH`, `INSUFFICIENT_FUNDS`.
pub async fn debit(app: &App, call: &Call, take: &Take) -> Result<Answer<PostDebitResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut locked = locked(&tx, &take.wallet).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let (posting, wallet) = post(&mut tx, &mut locked, take, TransferKind::Debit).await?;
    tx.emit("wallet", &take.wallet.wallet.to_string(), &DebitPosted { wallet: Some(wallet), posting: Some(posting.clone()) }).await?;
    tx.commit(PostDebitResponse { posting: Some(posting) }).await
}

/// Takes a custom fee, even into a negative balance.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `CURRENCY_MISMATCH`, `BALANCE_OVERFLOW`.
pub async fn fee(app: &App, call: &Call, take: &Take) -> Result<Answer<PostFeeResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut locked = locked(&tx, &take.wallet).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let (posting, wallet) = post(&mut tx, &mut locked, take, TransferKind::Fee).await?;
    tx.emit("wallet", &take.wallet.wallet.to_string(), &FeePosted { wallet: Some(wallet), posting: Some(posting.clone()) }).await?;
    tx.commit(PostFeeResponse { posting: Some(posting) }).await
}

async fn post(
    tx: &mut payterms_chassis::WriteTx,
    locked: &mut wallets::Locked,
    take: &Take,
    kind: TransferKind,
) -> Result<(pb::Posting, pb::Wallet), AppError> {
    let now = tx.now();
    let debit = Debit { amount: take.amount, kind, into_negative: kind == TransferKind::Fee, description: take.description.clone() };
    let posting: Posting = posting::debit(&mut locked.wallet, tx.ids(), debit, now)?;
    let after = render::wallet(&tx.call().tenant, &locked.wallet, now)?;
    wallets::save_many(tx, std::slice::from_mut(locked)).await?;
    recharge::mark(tx, [&locked.wallet]).await?;
    Ok((render::posting(&take.wallet.name(), &posting), after))
}
