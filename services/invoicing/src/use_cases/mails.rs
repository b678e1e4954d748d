//! Reads of mails; reads and changes of their templates.

use crate::{
    App,
    commands::mail_templates::{TemplateRef, TemplateText},
    messages,
    store::mails,
    templates,
};
use payterms_chassis::{Answer, AppError, Call, WriteTx, page::Page};
use payterms_invoicing_domain::{Customer, Mail};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;
use uuid::Uuid;

/// One mail.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn mail(app: &App, tenant: &TenantId, id: Id<Mail>) -> Result<pb::GetMailResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let found = mails::find(&conn, tenant, id).await?.ok_or_else(Refusal::not_found)?;
    Ok(pb::GetMailResponse { mail: Some(messages::mails::mail(tenant, &found)) })
}

/// A page of mails, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list(app: &App, tenant: &TenantId, customer: Option<Id<Customer>>, page: &Page) -> Result<pb::ListMailsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    let mut found = mails::list(&conn, tenant, (customer, before), page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |own| own.id.to_string());
    Ok(pb::ListMailsResponse { mails: found.iter().map(|own| messages::mails::listed_mail(tenant, own)).collect(), next_page_token })
}

/// The template that is used.
///
/// # Errors
/// The database's.
pub async fn template(app: &App, tenant: &TenantId, which: TemplateRef) -> Result<pb::GetMailTemplateResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let own = mails::template(&conn, tenant, (which.0, which.1.code())).await?;
    let shown = match &own {
        Some((subject, text)) => messages::mail_templates::mail_template(which, (subject, text), true),
        None => messages::mail_templates::mail_template(which, templates::ours(which.0, which.1), false),
    };
    Ok(pb::GetMailTemplateResponse { mail_template: Some(shown) })
}

/// Sets the tenant's own.
///
/// # Errors
/// `TEMPLATE_INVALID`.
pub async fn update(
    app: &App,
    call: &Call,
    (which, subject, text): &TemplateText,
) -> Result<Answer<pb::UpdateMailTemplateResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    templates::render((subject, text), &templates::samples(which.0, which.1))?;
    mails::set_template(tx.conn(), &call.tenant, (which.0, which.1.code()), Some((subject, text))).await?;
    let shown = told(&mut tx, *which, (subject, text), true).await?;
    tx.commit(pb::UpdateMailTemplateResponse { mail_template: Some(shown) }).await
}

/// Goes back to ours.
///
/// # Errors
/// The database's.
pub async fn reset(app: &App, call: &Call, which: TemplateRef) -> Result<Answer<pb::ResetMailTemplateResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    mails::set_template(tx.conn(), &call.tenant, (which.0, which.1.code()), None).await?;
    let shown = told(&mut tx, which, templates::ours(which.0, which.1), false).await?;
    tx.commit(pb::ResetMailTemplateResponse { mail_template: Some(shown) }).await
}

async fn told(tx: &mut WriteTx, which: TemplateRef, words: (&str, &str), customized: bool) -> Result<pb::MailTemplate, AppError> {
    let shown = messages::mail_templates::mail_template(which, words, customized);
    let event = pb::MailTemplateChanged { mail_template: Some(shown.clone()) };
    tx.emit("mail_template", &format!("{}.{}", which.0.name(), which.1.code()), &event).await?;
    Ok(shown)
}

/// Tries a template.
///
/// # Errors
/// `TEMPLATE_INVALID`.
pub fn preview((which, subject, text): &TemplateText) -> Result<pb::PreviewMailTemplateResponse, AppError> {
    let (subject, text) = templates::render((subject, text), &templates::samples(which.0, which.1))?;
    Ok(pb::PreviewMailTemplateResponse { subject, text })
}
