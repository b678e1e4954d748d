//! Changes a tenant's settings.

use super::save::publish_settings;
use crate::{app::App, commands::settings::UpdateSettings, store::settings as store};
use payterms_chassis::{Answer, AppError, Call, etag};
use payterms_proto::wallet::v1::UpdateWalletSettingsResponse;

/// Changes the fields that the mask names. If a condition of prepayment no longer holds, it is
/// turned off.
///
/// # Errors
/// `ETAG_MISMATCH`; `METHOD_NOT_OFFERED` for a provider that this installation does not have;
/// `STRIPE_NOT_CONNECTED`.
pub async fn update_wallet_settings(
    app: &App,
    call: &Call,
    new: &UpdateSettings,
) -> Result<Answer<UpdateWalletSettingsResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut settings = store::lock(tx.conn(), &call.tenant).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    etag::check(&new.etag, settings.version)?;
    for path in &new.paths {
        match path.as_str() {
            "provider" if new.provider.is_empty() => settings.provider.clear(),
            "provider" => {
                app.provider(&new.provider)?;
                settings.must_be_connected_to(&new.provider)?;
                settings.provider.clone_from(&new.provider);
            }
            "provider_routes" => {
                for route in &new.provider_routes {
                    app.provider(&route.provider)?;
                    settings.must_be_connected_to(&route.provider)?;
                }
                settings.provider_routes.clone_from(&new.provider_routes);
            }
            "provider_default" => settings.provider_default = new.provider_default,
            "methods" => settings.methods.clone_from(&new.methods),
            "top_up_tax_kind" => settings.top_up_tax_kind = new.top_up_tax_kind,
            "postpaid_minimums" => settings.postpaid_minimums.clone_from(&new.postpaid_minimums),
            "purchased_expire_days" => settings.purchased_expire_days = new.purchased_expire_days,
            _ => settings.minimums.clone_from(&new.minimums),
        }
    }
    settings.version = settings.version.saturating_add(1);
    let wallet_settings = Some(publish_settings(&mut tx, &mut settings).await?);
    tx.commit(UpdateWalletSettingsResponse { wallet_settings }).await
}
