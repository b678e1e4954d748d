//! Asking the provider to charge: once per key, whoever asks and however often. An answer that never
//! came is asked for, and never charged again.

use crate::{
    App,
    provider::{ChargeOrder, KnownCharge},
    store::methods,
};
use payterms_chassis::{AppError, kill};
use payterms_kernel::{Id, Money, TenantId, id::step_id};
use payterms_wallet_domain::PaymentMethod;
use uuid::Uuid;

/// What is charged, fixed before the provider is asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The kind of work, for kill points.
    pub work: &'static str,
    /// What the provider's key comes from.
    pub id: Uuid,
    /// What is charged.
    pub method: Id<PaymentMethod>,
    /// How much.
    pub amount: Money,
}

/// Charges once; where another driver may have asked before, the provider is asked what it knows.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` while the provider does not tell.
pub async fn ask(app: &App, tenant: &TenantId, asked: &Asked, taken_over: bool) -> Result<KnownCharge, AppError> {
    let conn = app.db.read(tenant).await?;
    let method = methods::get(&conn, tenant, asked.method).await?.ok_or_else(|| AppError::Fault(format!("no method of {}", asked.id)))?;
    drop(conn);
    let provider = app.provider(&method.provider)?;
    let (key, now) = (step_id(asked.id, "charge"), app.db.tenant_now(tenant).await?);
    if taken_over && let Some(known) = provider.find_charge(tenant, key, now).await.map_err(super::no_answer)? {
        return Ok(known);
    }
    let order = ChargeOrder { tenant: tenant.clone(), key, token: method.provider_token, amount: asked.amount, now };
    kill::point_of("charge.before", asked.work);
    let known = match provider.charge(&order).await {
        Ok(known) => known,
        Err(unknown) => {
            tracing::info!(charge = %asked.id, "the provider's answer did not come; it is asked");
            provider.find_charge(tenant, key, now).await.map_err(super::no_answer)?.ok_or_else(|| super::no_answer(unknown))?
        }
    };
    kill::point_of("charge.after", asked.work);
    Ok(known)
}
