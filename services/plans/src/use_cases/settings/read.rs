//! Reads of plan settings, by the tenant and by those who may propose.

use crate::{
    app::App,
    commands::customers::CustomerRef,
    messages::settings::{plan_settings as settings_message, proposal_options},
    peers::invoicing::Invoicing,
    store::plan_settings,
};
use payterms_chassis::{AppError, call::Caller};
use payterms_kernel::TenantId;
use payterms_proto::plans::v1::{GetPlanSettingsResponse, GetProposalOptionsResponse};

/// The settings of a tenant.
pub async fn get_plan_settings(
    app: &App,
    tenant: &TenantId,
) -> Result<GetPlanSettingsResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let settings = plan_settings::find(&conn, tenant).await?;
    Ok(GetPlanSettingsResponse { plan_settings: Some(settings_message(tenant, &settings)) })
}

/// What a customer may propose.
///
/// # Errors
/// `RESOURCE_NOT_FOUND` if invoicing has no such customer, or the caller may not see it.
pub async fn get_proposal_options(
    app: &App,
    caller: &Caller,
    named: &CustomerRef,
) -> Result<GetProposalOptionsResponse, AppError> {
    Invoicing::new(app, &named.tenant, named.customer).must_have_customer(caller).await?;
    let conn = app.db.read(&named.tenant).await?;
    Ok(proposal_options(&plan_settings::find(&conn, &named.tenant).await?))
}
