//! Sets a tenant's own template, and goes back to ours.

use crate::{
    app::App,
    commands::mail_templates::{TemplateRef, TemplateText},
    messages,
    store::mails,
    templates,
};
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_proto::invoicing::v1 as pb;

/// Sets the tenant's own.
///
/// # Errors
/// `TEMPLATE_INVALID`.
pub async fn update_mail_template(
    app: &App,
    call: &Call,
    TemplateText { template: named, subject, text }: &TemplateText,
) -> Result<Answer<pb::UpdateMailTemplateResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    templates::render(subject, text, &templates::samples(named.kind, named.language))?;
    mails::set_template(
        tx.conn(),
        &call.tenant,
        named.kind,
        named.language.code(),
        Some((subject, text)),
    )
    .await?;
    let shown = publish_mail_template(&mut tx, *named, subject, text, true).await?;
    tx.commit(pb::UpdateMailTemplateResponse { mail_template: Some(shown) }).await
}

/// Goes back to ours.
pub async fn reset_mail_template(
    app: &App,
    call: &Call,
    named: TemplateRef,
) -> Result<Answer<pb::ResetMailTemplateResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    mails::set_template(tx.conn(), &call.tenant, named.kind, named.language.code(), None).await?;
    let (subject, text) = templates::ours(named.kind, named.language);
    let shown = publish_mail_template(&mut tx, named, subject, text, false).await?;
    tx.commit(pb::ResetMailTemplateResponse { mail_template: Some(shown) }).await
}

async fn publish_mail_template(
    tx: &mut WriteTx,
    named: TemplateRef,
    subject: &str,
    text: &str,
    customized: bool,
) -> Result<pb::MailTemplate, AppError> {
    let shown = messages::mail_templates::mail_template(named, subject, text, customized);
    let event = pb::MailTemplateChanged { mail_template: Some(shown.clone()) };
    tx.emit("mail_template", &format!("{}.{}", named.kind.name(), named.language.code()), &event)
        .await?;
    Ok(shown)
}
