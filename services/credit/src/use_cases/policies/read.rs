//! Reads of policies.

use super::load::find_policy;
use crate::{
    app::App, commands::policies::PolicyRef, messages::policies::render_policy, store::policies,
};
use payterms_chassis::{AppError, page::Page};
use payterms_kernel::TenantId;
use payterms_proto::credit::v1::{GetPolicyResponse, ListPoliciesResponse};
use uuid::Uuid;

/// One policy.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_policy(app: &App, named: &PolicyRef) -> Result<GetPolicyResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    Ok(GetPolicyResponse {
        policy: Some(render_policy(&named.tenant, &find_policy(&conn, named).await?)),
    })
}

/// A page of policies, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_policies(
    app: &App,
    tenant: &TenantId,
    page: &Page,
) -> Result<ListPoliciesResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    let mut found = policies::list(&conn, tenant, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |policy| policy.id.to_string());
    Ok(ListPoliciesResponse {
        policies: found.iter().map(|policy| render_policy(tenant, policy)).collect(),
        next_page_token,
    })
}
