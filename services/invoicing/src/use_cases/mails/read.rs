//! Reads of mails.

use crate::{app::App, messages, store::mails};
use payterms_chassis::{AppError, page::Page};
use payterms_invoicing_domain::{Customer, Mail};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;
use uuid::Uuid;

/// One mail.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_mail(
    app: &App,
    tenant: &TenantId,
    id: Id<Mail>,
) -> Result<pb::GetMailResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let found = mails::find(&conn, tenant, id).await?.ok_or_else(Refusal::not_found)?;
    Ok(pb::GetMailResponse { mail: Some(messages::mails::mail(tenant, &found)) })
}

/// A page of mails, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_mails(
    app: &App,
    tenant: &TenantId,
    customer: Option<Id<Customer>>,
    page: &Page,
) -> Result<pb::ListMailsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    let mut found = mails::list(&conn, tenant, customer, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |mail| mail.id.to_string());
    Ok(pb::ListMailsResponse {
        mails: found.iter().map(|mail| messages::mails::listed_mail(tenant, mail)).collect(),
        next_page_token,
    })
}
