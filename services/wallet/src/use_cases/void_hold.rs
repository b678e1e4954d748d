//! Releases what a hold still reserves.

use super::{expire_lot, locked};
use crate::{
    App, jobs,
    parse::HoldRef,
    render,
    store::{holds, wallets},
};
use payterms_chassis::{Answer, AppError, Call, jobs::cancel};
use payterms_kernel::Refusal;
use payterms_proto::wallet::v1::{HoldVoided, VoidHoldResponse};
use payterms_wallet_domain::hold;

/// Runs the verb.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `HOLD_STATE`.
pub async fn run(app: &App, call: &Call, named: &HoldRef) -> Result<Answer<VoidHoldResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut locked = locked(&tx, &named.wallet).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let mut hold = holds::find(tx.conn(), &call.tenant, named.wallet.wallet, named.hold).await?.ok_or_else(Refusal::not_found)?;
    let now = tx.now();
    hold::void(&mut locked.wallet, &mut hold, tx.ids(), now)?;
    let after = render::wallet(&call.tenant, &locked.wallet, now)?;
    expire_lot::schedule_overdue(&tx, &locked.wallet, now).await?;
    wallets::save_many(&tx, std::slice::from_mut(&mut locked)).await?;
    holds::save(&tx, named.wallet.wallet, &hold).await?;
    cancel(&tx, jobs::EXPIRE_HOLD, &hold.id.to_string()).await?;
    let rendered = render::hold(&named.wallet.name(), &hold)?;
    tx.emit("wallet", &named.wallet.wallet.to_string(), &HoldVoided { wallet: Some(after), hold: Some(rendered.clone()) }).await?;
    tx.commit(VoidHoldResponse { hold: Some(rendered) }).await
}
