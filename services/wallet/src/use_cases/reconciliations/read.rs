//! Reads reconciliations and differences.

use crate::{
    app::App,
    commands::reconciliations::{ListDifferences, ListReconciliations},
    messages::reconciliations as messages,
    store::{provider_differences, provider_reconciliations},
};
use payterms_chassis::AppError;
use payterms_proto::wallet::v1 as pb;
use uuid::Uuid;

/// A page of reconciliations.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_provider_reconciliations(
    app: &App,
    ListReconciliations { tenant, page }: &ListReconciliations,
) -> Result<pb::ListProviderReconciliationsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    let mut listed = provider_reconciliations::list(&conn, tenant, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut listed, |own| own.id.to_string());
    let provider_reconciliations = listed.iter().map(|own| messages::provider_reconciliation(tenant, own)).collect();
    Ok(pb::ListProviderReconciliationsResponse { provider_reconciliations, next_page_token })
}

/// A page of differences.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_provider_differences(
    app: &App,
    ListDifferences { tenant, state, page }: &ListDifferences,
) -> Result<pb::ListProviderDifferencesResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(Uuid::nil());
    let conn = app.db.read(tenant).await?;
    let mut listed = provider_differences::list(&conn, tenant, *state, after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut listed, |own| own.id.to_string());
    let provider_differences = listed.iter().map(|own| messages::provider_difference(tenant, own)).collect();
    Ok(pb::ListProviderDifferencesResponse { provider_differences, next_page_token })
}
