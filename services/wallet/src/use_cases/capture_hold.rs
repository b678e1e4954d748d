//! Takes a part or all of what a hold reserves.

use super::{expire_lot, locked, recharge};
use crate::{
    App, jobs,
    parse::HoldRef,
    render,
    store::{holds, wallets},
};
use payterms_chassis::{Answer, AppError, Call, jobs::cancel};
use payterms_kernel::{Money, Refusal};
use payterms_proto::wallet::v1::{CaptureHoldResponse, HoldCaptured};
use payterms_wallet_domain::{HoldState, hold};

/// Runs the verb.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `HOLD_STATE`, `CURRENCY_MISMATCH`, `INSUFFICIENT_FUNDS`.
pub async fn run(app: &App, call: &Call, named: &HoldRef, what: (Option<Money>, bool)) -> Result<Answer<CaptureHoldResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut locked = locked(&tx, &named.wallet).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let mut hold = holds::find(tx.conn(), &call.tenant, named.wallet.wallet, named.hold).await?.ok_or_else(Refusal::not_found)?;
    let now = tx.now();
    let posting = hold::capture(&mut locked.wallet, &mut hold, tx.ids(), what, now)?;
    let after = render::wallet(&call.tenant, &locked.wallet, now)?;
    expire_lot::schedule_overdue(&tx, &locked.wallet, now).await?;
    wallets::save_many(&tx, std::slice::from_mut(&mut locked)).await?;
    recharge::mark(&tx, [&locked.wallet]).await?;
    holds::save(&tx, named.wallet.wallet, &hold).await?;
    if hold.state != HoldState::Active {
        cancel(&tx, jobs::EXPIRE_HOLD, &hold.id.to_string()).await?;
    }
    let name = named.wallet.name();
    let (hold, posting) = (Some(render::hold(&name, &hold)?), Some(render::posting(&name, &posting)));
    let event = HoldCaptured { wallet: Some(after), hold: hold.clone(), posting: posting.clone() };
    tx.emit("wallet", &named.wallet.wallet.to_string(), &event).await?;
    tx.commit(CaptureHoldResponse { hold, posting }).await
}
