//! Suspends a tenant, and ends the suspension.

use super::save::publish_tenant;
use crate::{app::App, messages, store::tenants};
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_invoicing_domain::Tenant;
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::{ActivateTenantResponse, SuspendTenantResponse};

/// Suspends a tenant; again changes nothing.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn suspend_tenant(
    app: &App,
    call: &Call,
) -> Result<Answer<SuspendTenantResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut tenant =
        tenants::lock(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    set_suspended(&mut tx, &mut tenant, true).await?;
    tx.commit(SuspendTenantResponse { tenant: Some(messages::tenants::tenant(&tenant)) }).await
}

/// Ends a suspension; again changes nothing.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn activate_tenant(
    app: &App,
    call: &Call,
) -> Result<Answer<ActivateTenantResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut tenant =
        tenants::lock(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    set_suspended(&mut tx, &mut tenant, false).await?;
    tx.commit(ActivateTenantResponse { tenant: Some(messages::tenants::tenant(&tenant)) }).await
}

async fn set_suspended(
    tx: &mut WriteTx,
    tenant: &mut Tenant,
    suspended: bool,
) -> Result<(), AppError> {
    if tenant.suspended != suspended {
        tenant.suspended = suspended;
        tenant.touch(tx.now());
        publish_tenant(tx, tenant).await?;
    }
    Ok(())
}
