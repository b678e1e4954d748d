//! Reads the rules of auto-recharge.

use super::load::RechargeTerms;
use crate::{
    app::App, commands::wallets::WalletRef, messages::recharges as messages, store::recharges,
    use_cases::wallets::load::find_wallet,
};
use payterms_chassis::AppError;
use payterms_proto::wallet::v1::GetAutoRechargeResponse;

/// The rules and their state.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_auto_recharge(
    app: &App,
    named: &WalletRef,
) -> Result<GetAutoRechargeResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let wallet = find_wallet(&conn, named).await?;
    let recharge = recharges::find(&conn, &named.tenant, named.wallet).await?;
    let zone = app.db.tenant_zone(&named.tenant).await?;
    let now = app.db.tenant_now(&named.tenant).await?;
    let figures = RechargeTerms::load(&conn, &named.tenant, &wallet, zone, now)
        .await?
        .figures(&recharge.rules)?;
    Ok(GetAutoRechargeResponse {
        auto_recharge: Some(messages::auto_recharge(&named.name(), &recharge, Some(figures), now)),
    })
}
