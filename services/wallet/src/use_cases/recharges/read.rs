//! Reads the rules of auto-recharge.

use crate::{
    app::App, commands::wallets::WalletRef, messages::recharges as messages, store::recharges, use_cases::wallets::load::find_wallet,
};
use payterms_chassis::AppError;
use payterms_proto::wallet::v1::GetAutoRechargeResponse;

/// The rules and their state.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_auto_recharge(app: &App, named: &WalletRef) -> Result<GetAutoRechargeResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    find_wallet(&conn, named).await?;
    let recharge = recharges::find(&conn, &named.tenant, named.wallet).await?;
    Ok(GetAutoRechargeResponse { auto_recharge: Some(messages::auto_recharge(&named.name(), &recharge)) })
}
