//! How often a tenant's callers may call: sets it, and tells it to the gateways.

use super::save::publish_tenant;
use crate::{app::App, messages, store::tenants};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::CallLimits;
use payterms_kernel::Refusal;
use payterms_proto::invoicing::{peers::v1::GetCallLimitsResponse, v1::LimitTenantResponse};

/// Sets a tenant's limits, whatever its state; the same again changes nothing.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn limit_tenant(
    app: &App,
    call: &Call,
    limits: CallLimits,
) -> Result<Answer<LimitTenantResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut tenant =
        tenants::lock(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    if tenant.call_limits != limits {
        tenant.call_limits = limits;
        tenant.touch(tx.now());
        publish_tenant(&mut tx, &tenant).await?;
    }
    tx.commit(LimitTenantResponse { tenant: Some(messages::tenants::tenant(&tenant)) }).await
}

/// The limits of those of these tenants that have some.
///
/// # Errors
/// `Store` if the database fails.
pub async fn get_call_limits(
    app: &App,
    slugs: &[String],
) -> Result<GetCallLimitsResponse, AppError> {
    let conn = app.db.read_all(&slugs.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let limited = tenants::call_limits(&conn, slugs).await?;
    Ok(GetCallLimitsResponse {
        limited_tenants: limited.iter().map(messages::tenants::limited_tenant).collect(),
    })
}
