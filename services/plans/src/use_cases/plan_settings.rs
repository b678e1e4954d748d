//! What a tenant lets its customers propose.

use crate::{App, invoicing::Invoicing, parse::CustomerRef, parse_settings::Update, render, store::settings};
use payterms_chassis::{Answer, AppError, Call, call::Caller, etag};
use payterms_kernel::TenantId;
use payterms_proto::plans::v1::{GetPlanSettingsResponse, GetProposalOptionsResponse, PlanSettingsChanged, UpdatePlanSettingsResponse};

/// The settings of a tenant.
///
/// # Errors
/// The database's.
pub async fn get(app: &App, tenant: &TenantId) -> Result<GetPlanSettingsResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let own = settings::find(&conn, tenant).await?;
    Ok(GetPlanSettingsResponse { plan_settings: Some(render::settings(tenant, &own)) })
}

/// Changes the fields that the mask names.
///
/// # Errors
/// `ETAG_MISMATCH`.
pub async fn update(app: &App, call: &Call, update: &Update) -> Result<Answer<UpdatePlanSettingsResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut own = settings::lock(tx.conn(), &call.tenant).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    etag::check(&update.etag, own.version)?;
    update.apply(&mut own);
    settings::save(tx.conn(), &call.tenant, &own).await?;
    let plan_settings = Some(render::settings(&call.tenant, &own));
    let tenant = call.tenant.to_string();
    tx.emit("plan_settings", &tenant, &PlanSettingsChanged { plan_settings: plan_settings.clone() }).await?;
    tx.commit(UpdatePlanSettingsResponse { plan_settings }).await
}

/// What a customer may propose.
///
/// # Errors
/// `RESOURCE_NOT_FOUND` for a customer whom invoicing does not know.
pub async fn options(app: &App, caller: &Caller, named: &CustomerRef) -> Result<GetProposalOptionsResponse, AppError> {
    Invoicing::new(app, &named.tenant, named.customer).must_have_customer(caller).await?;
    let conn = app.db.read(&named.tenant).await?;
    Ok(render::options(&settings::find(&conn, &named.tenant).await?))
}
