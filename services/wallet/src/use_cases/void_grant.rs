//! Takes back what is left of a granted lot.

use super::{locked, recharge};
use crate::{
    App,
    parse::WalletRef,
    render,
    store::{lots, wallets},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::{Id, Refusal};
use payterms_proto::wallet::v1::{GrantVoided, VoidGrantResponse};
use payterms_wallet_domain::Lot;

/// Runs the verb.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `LOT_STATE`.
pub async fn run(app: &App, call: &Call, named: &WalletRef, id: Id<Lot>) -> Result<Answer<VoidGrantResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut locked = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    lots::find(tx.conn(), &call.tenant, named.wallet, id).await?.ok_or_else(Refusal::not_found)?;
    let (now, wallet) = (tx.now(), &mut locked.wallet);
    wallet.void_grant(tx.ids(), id, now)?;
    let lot = wallet.lots.iter().find(|lot| lot.id == id).map(|lot| render::lot(&named.name(), lot));
    let after = render::wallet(&call.tenant, wallet, now)?;
    wallets::save_many(&tx, std::slice::from_mut(&mut locked)).await?;
    recharge::mark(&tx, [&locked.wallet]).await?;
    tx.emit("wallet", &named.wallet.to_string(), &GrantVoided { wallet: Some(after), lot: lot.clone() }).await?;
    tx.commit(VoidGrantResponse { lot }).await
}
