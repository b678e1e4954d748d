//! Reads of metered services.

use crate::{
    app::App,
    commands::{customers::CustomerRef, metered_services::MeteredServiceRef},
    messages,
    store::metered,
};
use payterms_chassis::{AppError, page::Page};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1 as pb;
use uuid::Uuid;

/// One service.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_metered_service(
    app: &App,
    named: &MeteredServiceRef,
) -> Result<pb::GetMeteredServiceResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let found = metered::find(&conn, &named.tenant, named.service)
        .await?
        .filter(|metered_service| metered_service.customer == named.customer)
        .ok_or_else(Refusal::not_found)?;
    Ok(pb::GetMeteredServiceResponse {
        metered_service: Some(messages::metered_services::metered_service(&named.tenant, &found)),
    })
}

/// A page of a customer's services, oldest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_metered_services(
    app: &App,
    CustomerRef { tenant, customer, .. }: &CustomerRef,
    page: &Page,
) -> Result<pb::ListMeteredServicesResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(Uuid::nil());
    let conn = app.db.read(tenant).await?;
    let mut found = metered::list(&conn, tenant, *customer, after, page.reads()).await?;
    let next_page_token =
        app.pages.cut(page, &mut found, |metered_service| metered_service.id.to_string());
    let metered_services = found
        .iter()
        .map(|each| messages::metered_services::metered_service(tenant, each))
        .collect();
    Ok(pb::ListMeteredServicesResponse { metered_services, next_page_token })
}
