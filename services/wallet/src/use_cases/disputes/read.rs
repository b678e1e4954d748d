//! Reads disputes.

use crate::{
    app::App,
    commands::disputes::{DisputeRef, ListDisputes},
    messages::disputes as messages,
    store::disputes,
};
use payterms_chassis::AppError;
use payterms_kernel::Refusal;
use payterms_proto::wallet::v1 as pb;

/// One dispute.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_dispute(
    app: &App,
    named: &DisputeRef,
) -> Result<pb::GetDisputeResponse, AppError> {
    let tenant = &named.customer.tenant;
    let conn = app.db.read(tenant).await?;
    let found = disputes::find(&conn, tenant, named.dispute)
        .await?
        .filter(|dispute| dispute.customer == named.customer.customer);
    Ok(pb::GetDisputeResponse {
        dispute: Some(messages::dispute(tenant, &found.ok_or_else(Refusal::not_found)?)),
    })
}

/// A page of disputes: of a customer, or of all.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_disputes(
    app: &App,
    list: &ListDisputes,
) -> Result<pb::ListDisputesResponse, AppError> {
    let (tenant, listing) = (&list.tenant, &list.listing);
    let after = app.pages.cursor(&listing.page)?;
    let conn = app.db.read(tenant).await?;
    let mut listed = disputes::list(&conn, tenant, list.customer, listing, after).await?;
    let next_page_token = app.pages.cut(&listing.page, &mut listed, |dispute| {
        disputes::position(dispute, listing.order).to_string()
    });
    let disputes = listed.iter().map(|dispute| messages::dispute(tenant, dispute)).collect();
    Ok(pb::ListDisputesResponse { disputes, next_page_token })
}
