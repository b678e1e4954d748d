//! Charging at the provider exactly once per key, however often drivers try. If an answer never
//! came, the provider is asked for the charge with that key; it is never charged again under
//! another key.

use crate::{
    app::App,
    provider::{ChargeOrder, ProviderCharge, unanswered},
    store::methods,
};
use payterms_chassis::{AppError, kill};
use payterms_kernel::{Id, Money, TenantId, id::step_id};
use payterms_wallet_domain::PaymentMethod;
use uuid::Uuid;

/// A charge that is stored before the provider is called.
#[derive(Debug, Clone)]
pub struct ChargeOnce {
    /// The kind of work, for kill points.
    pub work: &'static str,
    /// The id from which the provider's key derives.
    pub id: Uuid,
    /// The method to charge.
    pub method: Id<PaymentMethod>,
    /// How much.
    pub amount: Money,
}

/// Charges once. If another driver may have charged before (`taken_over`), the provider is first
/// asked for that charge.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` while the provider does not answer.
pub async fn charge_once(
    app: &App,
    tenant: &TenantId,
    charge: &ChargeOnce,
    taken_over: bool,
) -> Result<ProviderCharge, AppError> {
    let conn = app.db.read(tenant).await?;
    let method = methods::get(&conn, tenant, charge.method)
        .await?
        .ok_or_else(|| AppError::Fault(format!("no method of {}", charge.id)))?;
    drop(conn);
    let provider = app.provider(&method.provider)?;
    let (key, now) = (step_id(charge.id, "charge"), app.db.tenant_now(tenant).await?);
    if taken_over
        && let Some(made) = provider.find_charge(tenant, key, now).await.map_err(unanswered)?
    {
        return Ok(made);
    }
    let order = ChargeOrder {
        tenant: tenant.clone(),
        key,
        token: method.provider_token,
        amount: charge.amount,
        now,
    };
    kill::point_of("charge.before", charge.work);
    let made = match provider.charge(&order).await {
        Ok(made) => made,
        Err(unknown) => {
            tracing::info!(charge = %charge.id, "the provider's answer did not come; it is asked");
            provider
                .find_charge(tenant, key, now)
                .await
                .map_err(unanswered)?
                .ok_or_else(|| unanswered(unknown))?
        }
    };
    kill::point_of("charge.after", charge.work);
    Ok(made)
}
