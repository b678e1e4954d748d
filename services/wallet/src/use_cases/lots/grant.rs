//! Grants promotional credit, as a lot of its own.

use super::expire::schedule_expiry;
use crate::{
    app::App,
    commands::lots::GrantCredit,
    messages,
    use_cases::wallets::{load::lock_wallet, save::save_wallet},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::Refusal;
use payterms_proto::wallet::v1::{CreditGranted, GrantCreditResponse};

/// Grants credit.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `CURRENCY_MISMATCH`, `TIME_IN_PAST`, `BALANCE_OVERFLOW`.
pub async fn grant_credit(
    app: &App,
    call: &Call,
    command: GrantCredit,
) -> Result<Answer<GrantCreditResponse>, AppError> {
    let GrantCredit { wallet: named, lot: new } = command;
    let mut tx = app.db.begin(call).await?;
    let mut locked = lock_wallet(&tx, &named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let (now, wallet) = (tx.now(), &mut locked.wallet);
    let id = wallet.grant(tx.ids(), new, now)?;
    let lot =
        wallet.lots.iter().find(|lot| lot.id == id).cloned().ok_or_else(Refusal::not_found)?;
    let rendered = messages::lots::lot(&named.name(), &lot);
    let after = messages::wallets::wallet(&call.tenant, wallet, now)?;
    save_wallet(&tx, &mut locked).await?;
    if let Some(expiry) = lot.expires_at {
        schedule_expiry(&tx, named.wallet, id, expiry).await?;
    }
    tx.emit(
        "wallet",
        &named.wallet.to_string(),
        &CreditGranted { wallet: Some(after), lot: Some(rendered.clone()) },
    )
    .await?;
    tx.commit(GrantCreditResponse { lot: Some(rendered) }).await
}
