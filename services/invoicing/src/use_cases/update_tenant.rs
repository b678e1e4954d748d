//! Changes a tenant: its settings, its suspension.

use super::remind;
use crate::{App, commands::tenants::TenantFields, jobs, messages, store::tenants};
use payterms_chassis::{Answer, AppError, Call, WriteTx, etag, jobs::schedule, tenants as states};
use payterms_invoicing_domain::Tenant;
use payterms_kernel::{Kind, Refusal};
use payterms_proto::invoicing::v1::{ActivateTenantResponse, SuspendTenantResponse, TenantChanged, UpdateTenantResponse};

/// Changes the fields that `paths` name.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`, `TENANT_SUSPENDED`.
pub async fn run(app: &App, call: &Call, new: &TenantFields, paths: &[String]) -> Result<Answer<UpdateTenantResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut tenant = tenants::lock(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    states::state(tx.conn(), &call.tenant).await?.ok_or_else(states::unknown_yet)?.admits(call)?;
    etag::check(&new.etag, tenant.version)?;
    if paths.iter().any(|path| path == "approval_limits") && !call.caller.has("OWNER") {
        let message = "What takes a second person is set by owners alone.";
        return Err(Refusal::new(Kind::Denied, "ROLE_REQUIRED", message).into());
    }
    let before = tenant.clone();
    for path in paths {
        match path.as_str() {
            "display_name" => tenant.display_name.clone_from(&new.display_name),
            "time_zone" => tenant.time_zone.clone_from(&new.time_zone),
            "invoices_hidden" => tenant.invoices_hidden = new.invoices_hidden,
            "dunning" => tenant.dunning.clone_from(&new.dunning),
            "business" => tenant.business.clone_from(&new.business),
            "approval_limits" => tenant.approval_limits.clone_from(&new.approval_limits),
            "transfer_tolerances" => tenant.transfer_tolerances.clone_from(&new.transfer_tolerances),
            "overpayment_refused" => tenant.overpayment_refused = new.overpayment_refused,
            _ => tenant.tax_rules.clone_from(&new.tax_rules),
        }
    }
    tenant.touch(tx.now());
    publish(&mut tx, &tenant).await?;
    schedule_tax(&tx, &before, &tenant).await?;
    if (&before.dunning.reminder_days, before.invoices_hidden) != (&tenant.dunning.reminder_days, tenant.invoices_hidden) {
        remind::schedule_anew(&tx).await?;
    }
    tx.commit(UpdateTenantResponse { tenant: Some(messages::tenants::tenant(&tenant)) }).await
}

/// Customers of countries whose rule changed get their treatment anew.
async fn schedule_tax(tx: &WriteTx, before: &Tenant, after: &Tenant) -> Result<(), AppError> {
    for country in before.countries_taxed_unlike(after) {
        schedule(tx, jobs::RESOLVE_TAX, &format!("{country}/{}", uuid::Uuid::nil()), tx.now()).await?;
    }
    Ok(())
}

/// Suspends a tenant; again changes nothing.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn suspend(app: &App, call: &Call) -> Result<Answer<SuspendTenantResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut tenant = tenants::lock(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
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
pub async fn activate(app: &App, call: &Call) -> Result<Answer<ActivateTenantResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut tenant = tenants::lock(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    set_suspended(&mut tx, &mut tenant, false).await?;
    tx.commit(ActivateTenantResponse { tenant: Some(messages::tenants::tenant(&tenant)) }).await
}

async fn set_suspended(tx: &mut WriteTx, tenant: &mut Tenant, suspended: bool) -> Result<(), AppError> {
    if tenant.suspended != suspended {
        tenant.suspended = suspended;
        tenant.touch(tx.now());
        publish(tx, tenant).await?;
    }
    Ok(())
}

/// Saves a tenant, what the chassis knows of it, and tells the other services.
///
/// # Errors
/// The database's.
pub async fn publish(tx: &mut WriteTx, tenant: &Tenant) -> Result<(), AppError> {
    tenants::save(tx.conn(), tenant).await?;
    states::register(tx.conn(), &tenant.id, tenant.suspended, &tenant.time_zone).await?;
    tx.emit("tenant", tenant.id.as_str(), &TenantChanged { tenant: Some(messages::tenants::tenant(tenant)) }).await
}
