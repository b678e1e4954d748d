//! Reads of advised limits.

use crate::{
    app::App,
    commands::advised_limits::{AdvisedLimitRef, ListAdvisedLimits},
    messages::advised_limits::advised_limit,
    store::advised_limits,
};
use payterms_chassis::{AppError, page::Page};
use payterms_kernel::Refusal;
use payterms_proto::credit::v1::{GetAdvisedLimitResponse, ListAdvisedLimitsResponse};
use uuid::Uuid;

/// One advised limit.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_advised_limit(
    app: &App,
    named: &AdvisedLimitRef,
) -> Result<GetAdvisedLimitResponse, AppError> {
    let tenant = &named.line.tenant;
    let conn = app.db.read(tenant).await?;
    let found = advised_limits::find(&conn, tenant, named.advised).await?;
    let this_advised_limit = found
        .filter(|advised_limit| {
            advised_limit.line == named.line.line && advised_limit.customer == named.line.customer
        })
        .ok_or_else(Refusal::not_found)?;
    Ok(GetAdvisedLimitResponse {
        advised_limit: Some(advised_limit(tenant, &this_advised_limit, named.as_customer)),
    })
}

/// A page of advised limits, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_advised_limits(
    app: &App,
    filter: &ListAdvisedLimits,
    page: &Page,
) -> Result<ListAdvisedLimitsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(&filter.tenant).await?;
    let mut found = advised_limits::list(
        &conn,
        &filter.tenant,
        filter.customer,
        &filter.states,
        before,
        page.reads(),
    )
    .await?;
    let next_page_token =
        app.pages.cut(page, &mut found, |advised_limit| advised_limit.id.to_string());
    let advised_limits =
        found.iter().map(|each| advised_limit(&filter.tenant, each, filter.as_customer)).collect();
    Ok(ListAdvisedLimitsResponse { advised_limits, next_page_token })
}
