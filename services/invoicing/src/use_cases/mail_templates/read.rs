//! Reads of templates.

use crate::{app::App, commands::mail_templates::TemplateRef, messages, store::mails, templates};
use payterms_chassis::AppError;
use payterms_kernel::TenantId;
use payterms_proto::invoicing::v1 as pb;

/// The template that is used.
pub async fn get_mail_template(app: &App, tenant: &TenantId, which: TemplateRef) -> Result<pb::GetMailTemplateResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let own = mails::template(&conn, tenant, (which.0, which.1.code())).await?;
    let shown = match &own {
        Some((subject, text)) => messages::mail_templates::mail_template(which, (subject, text), true),
        None => messages::mail_templates::mail_template(which, templates::ours(which.0, which.1), false),
    };
    Ok(pb::GetMailTemplateResponse { mail_template: Some(shown) })
}
