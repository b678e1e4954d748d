//! Grants promotional credit, as a lot of its own.

use super::locked;
use crate::{App, jobs, parse::WalletRef, render, store::wallets};
use payterms_chassis::{Answer, AppError, Call, jobs::schedule};
use payterms_kernel::Refusal;
use payterms_proto::wallet::v1::{CreditGranted, GrantCreditResponse};
use payterms_wallet_domain::wallet::NewLot;

/// Runs the verb.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `CURRENCY_MISMATCH`, `TIME_IN_PAST`, `BALANCE_OVERFLOW`.
pub async fn run(app: &App, call: &Call, named: &WalletRef, new: NewLot) -> Result<Answer<GrantCreditResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut locked = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let (now, wallet) = (tx.now(), &mut locked.wallet);
    let id = wallet.grant(tx.ids(), new, now)?;
    let lot = wallet.lots.iter().find(|lot| lot.id == id).cloned().ok_or_else(Refusal::not_found)?;
    let rendered = render::lot(&named.name(), &lot);
    let after = render::wallet(&call.tenant, wallet, now)?;
    wallets::save_many(&tx, std::slice::from_mut(&mut locked)).await?;
    if let Some(expiry) = lot.expires_at {
        schedule(&tx, jobs::EXPIRE_LOT, &format!("{}/{id}", named.wallet), expiry).await?;
    }
    tx.emit("wallet", &named.wallet.to_string(), &CreditGranted { wallet: Some(after), lot: Some(rendered.clone()) }).await?;
    tx.commit(GrantCreditResponse { lot: Some(rendered) }).await
}
