//! Reads of approvals.

use crate::{app::App, messages, store::approvals};
use payterms_chassis::{AppError, page::Page};
use payterms_invoicing_domain::{Approval, approval::ApprovalState};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1::{GetApprovalResponse, ListApprovalsResponse};
use uuid::Uuid;

/// One approval.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_approval(
    app: &App,
    tenant: &TenantId,
    id: Id<Approval>,
) -> Result<GetApprovalResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let (this_approval, customer) =
        approvals::find(&conn, tenant, id).await?.ok_or_else(Refusal::not_found)?;
    Ok(GetApprovalResponse {
        approval: Some(messages::approvals::approval(tenant, customer, &this_approval)),
    })
}

/// A page of approvals, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_approvals(
    app: &App,
    tenant: &TenantId,
    state: Option<ApprovalState>,
    page: &Page,
) -> Result<ListApprovalsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    let mut found = approvals::list(&conn, tenant, state, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |(approval, _)| approval.id.to_string());
    let approvals = found
        .iter()
        .map(|(each, customer)| messages::approvals::approval(tenant, *customer, each))
        .collect();
    Ok(ListApprovalsResponse { approvals, next_page_token })
}
