//! Reserves an amount and pins the lots that it will come from.

use super::{locked, recharge};
use crate::{
    App, jobs,
    parse::Take,
    render,
    store::{holds, wallets},
};
use chrono::{DateTime, Utc};
use payterms_chassis::{Answer, AppError, Call, jobs::schedule};
use payterms_proto::wallet::v1::{AuthorizeHoldResponse, HoldAuthorized};
use payterms_wallet_domain::hold;

/// Runs the verb.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `CURRENCY_MISMATCH`, `INSUFFICIENT_FUNDS`, `TIME_IN_PAST`, `TIME_OUT_OF_RANGE`.
pub async fn run(
    app: &App,
    call: &Call,
    take: &Take,
    expires_at: Option<DateTime<Utc>>,
) -> Result<Answer<AuthorizeHoldResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut locked = locked(&tx, &take.wallet).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let hold = hold::authorize(&mut locked.wallet, tx.ids(), (take.amount, expires_at, take.description.clone()), now)?;
    let rendered = render::hold(&take.wallet.name(), &hold)?;
    let after = render::wallet(&call.tenant, &locked.wallet, now)?;
    wallets::save_many(&tx, std::slice::from_mut(&mut locked)).await?;
    recharge::mark(&tx, [&locked.wallet]).await?;
    holds::save(&tx, take.wallet.wallet, &hold).await?;
    schedule(&tx, jobs::EXPIRE_HOLD, &hold.id.to_string(), hold.expires_at).await?;
    tx.emit("wallet", &take.wallet.wallet.to_string(), &HoldAuthorized { wallet: Some(after), hold: Some(rendered.clone()) }).await?;
    tx.commit(AuthorizeHoldResponse { hold: Some(rendered) }).await
}
