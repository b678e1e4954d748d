//! Saves and publishes a tenant's settings.

use crate::{messages::settings as messages, store::settings as store};
use payterms_chassis::{AppError, WriteTx};
use payterms_proto::wallet::v1::{self as pb, WalletSettingsChanged};
use payterms_wallet_domain::WalletSettings;

/// Saves and publishes settings after a change. Prepayment is turned off if a condition no longer
/// holds.
pub async fn publish_settings(
    tx: &mut WriteTx,
    settings: &mut WalletSettings,
) -> Result<pb::WalletSettings, AppError> {
    let turned_off_by = settings.turn_off_if_broken().unwrap_or_default().to_owned();
    let tenant = tx.call().tenant.clone();
    store::save(tx.conn(), &tenant, settings).await?;
    let rendered = messages::wallet_settings(&tenant, settings);
    let event = WalletSettingsChanged { wallet_settings: Some(rendered.clone()), turned_off_by };
    tx.emit("wallet_settings", tenant.as_str(), &event).await?;
    Ok(rendered)
}
