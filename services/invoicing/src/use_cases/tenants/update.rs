//! Changes a tenant's settings.

use super::save::publish_tenant;
use crate::{
    app::App,
    commands::tenants::UpdateTenant,
    messages,
    store::tenants,
    use_cases::{customers::resolve_tax, reminders::plan::enqueue_reminder_planning},
};
use payterms_chassis::{Answer, AppError, Call, WriteTx, etag, jobs::schedule, tenants as states};
use payterms_invoicing_domain::{Tenant, bank::Automation};
use payterms_kernel::{Kind, Reason, Refusal};
use payterms_proto::invoicing::v1::UpdateTenantResponse;

/// Changes the fields that `paths` name.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`, `TENANT_SUSPENDED`.
pub async fn update_tenant(
    app: &App,
    call: &Call,
    UpdateTenant { fields: new, paths }: &UpdateTenant,
) -> Result<Answer<UpdateTenantResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut tenant =
        tenants::lock(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    states::state(tx.conn(), &call.tenant).await?.ok_or_else(states::unknown_yet)?.admits(call)?;
    etag::check(&new.etag, tenant.version)?;
    if paths.iter().any(|path| path == "approval_limits") && !call.caller.has("OWNER") {
        let message = "What takes a second person is set by owners alone.";
        return Err(Refusal::new(Kind::Denied, Reason::ROLE_REQUIRED, message).into());
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
            "transfer_tolerances" => {
                tenant.transfer_tolerances.clone_from(&new.transfer_tolerances);
            }
            "payment_notice" => tenant.payment_notice = new.payment_notice.unwrap_or_default(),
            "bank_automation" => {
                tenant.bank_automation = new.bank_automation.unwrap_or(Automation::Reference);
            }
            "overpayment_refused" => tenant.overpayment_refused = new.overpayment_refused,
            _ => tenant.tax_rules.clone_from(&new.tax_rules),
        }
    }
    tenant.touch(tx.now());
    publish_tenant(&mut tx, &tenant).await?;
    schedule_tax(&tx, &before, &tenant).await?;
    if (&before.dunning.reminder_days, before.invoices_hidden)
        != (&tenant.dunning.reminder_days, tenant.invoices_hidden)
    {
        enqueue_reminder_planning(&tx).await?;
    }
    tx.commit(UpdateTenantResponse { tenant: Some(messages::tenants::tenant(&tenant)) }).await
}

/// Customers of countries whose rule changed get their treatment anew.
async fn schedule_tax(tx: &WriteTx, before: &Tenant, after: &Tenant) -> Result<(), AppError> {
    for country in before.countries_taxed_unlike(after) {
        schedule(tx, resolve_tax::JOB, &format!("{country}/{}", uuid::Uuid::nil()), tx.now())
            .await?;
    }
    Ok(())
}
