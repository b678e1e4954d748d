//! Changes a tenant's settings, and turns prepayment on and off.

use crate::{App, parse_settings::Update, render_payments as render, store::settings};
use payterms_chassis::{Answer, AppError, Call, WriteTx, etag};
use payterms_proto::wallet::v1::{
    self as pb, TurnOffPrepaymentResponse, TurnOnPrepaymentResponse, UpdateWalletSettingsResponse, WalletSettingsChanged,
};
use payterms_wallet_domain::{MethodKind, WalletSettings};

/// Changes the fields that the mask names; a broken condition turns prepayment off.
///
/// # Errors
/// `ETAG_MISMATCH`, `METHOD_NOT_OFFERED` for a provider that this installation has not.
pub async fn update(app: &App, call: &Call, new: &Update) -> Result<Answer<UpdateWalletSettingsResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut own = settings::lock(tx.conn(), &call.tenant).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    etag::check(&new.etag, own.version)?;
    for path in &new.paths {
        match path.as_str() {
            "provider" if new.provider.is_empty() => own.provider.clear(),
            "provider" => {
                app.provider(&new.provider)?;
                own.provider.clone_from(&new.provider);
            }
            "provider_default" => own.provider_default = new.provider_default,
            "methods" => own.methods.clone_from(&new.methods),
            "top_up_tax_kind" => own.top_up_tax_kind = new.top_up_tax_kind,
            "postpaid_minimums" => own.postpaid_minimums.clone_from(&new.postpaid_minimums),
            "purchased_expire_days" => own.purchased_expire_days = new.purchased_expire_days,
            _ => own.minimums.clone_from(&new.minimums),
        }
    }
    own.version = own.version.saturating_add(1);
    let wallet_settings = Some(publish(&mut tx, &mut own).await?);
    tx.commit(UpdateWalletSettingsResponse { wallet_settings }).await
}

/// Turns prepayment on.
///
/// # Errors
/// `PREPAYMENT_CONDITIONS` with every condition, `METHOD_NOT_OFFERED`.
pub async fn turn_on(app: &App, call: &Call, offered: Vec<MethodKind>) -> Result<Answer<TurnOnPrepaymentResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut own = settings::lock(tx.conn(), &call.tenant).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    own.turn_on(offered)?;
    let wallet_settings = Some(publish(&mut tx, &mut own).await?);
    tx.commit(TurnOnPrepaymentResponse { wallet_settings }).await
}

/// Turns prepayment off.
///
/// # Errors
/// The database's.
pub async fn turn_off(app: &App, call: &Call) -> Result<Answer<TurnOffPrepaymentResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut own = settings::lock(tx.conn(), &call.tenant).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    own.turn_off();
    let wallet_settings = Some(publish(&mut tx, &mut own).await?);
    tx.commit(TurnOffPrepaymentResponse { wallet_settings }).await
}

/// Saves settings after a change and tells of them; prepayment goes off if a condition broke.
///
/// # Errors
/// The database's.
pub async fn publish(tx: &mut WriteTx, own: &mut WalletSettings) -> Result<pb::WalletSettings, AppError> {
    let turned_off_by = own.turn_off_if_broken().unwrap_or_default().to_owned();
    let tenant = tx.call().tenant.clone();
    settings::save(tx.conn(), &tenant, own).await?;
    let rendered = render::settings(&tenant, own);
    let event = WalletSettingsChanged { wallet_settings: Some(rendered.clone()), turned_off_by };
    tx.emit("wallet_settings", tenant.as_str(), &event).await?;
    Ok(rendered)
}
