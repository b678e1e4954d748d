//! Reads a tenant's settings, and the options that they give a customer.

use crate::{
    app::App, commands::customers::CustomerRef, messages::settings as messages,
    store::settings as store,
};
use payterms_chassis::AppError;
use payterms_kernel::TenantId;
use payterms_proto::wallet::v1 as pb;

/// A tenant's settings.
pub async fn get_wallet_settings(
    app: &App,
    tenant: &TenantId,
) -> Result<pb::GetWalletSettingsResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let settings = store::find(&conn, tenant).await?;
    Ok(pb::GetWalletSettingsResponse {
        wallet_settings: Some(messages::wallet_settings(tenant, &settings)),
    })
}

/// The options of a customer.
pub async fn get_prepayment_options(
    app: &App,
    named: &CustomerRef,
) -> Result<pb::GetPrepaymentOptionsResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let settings = store::find(&conn, &named.tenant).await?;
    let offered: Vec<_> = settings
        .minimums
        .iter()
        .filter(|(kind, _)| settings.prepayment_methods.contains(kind))
        .copied()
        .collect();
    Ok(pb::GetPrepaymentOptionsResponse {
        prepayment: settings.prepayment,
        methods: messages::kinds(&settings.prepayment_methods),
        minimums: messages::minimums(&offered),
    })
}
