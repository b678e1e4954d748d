//! Reads of templates.

use crate::{app::App, commands::mail_templates::TemplateRef, messages, store::mails, templates};
use payterms_chassis::AppError;
use payterms_kernel::TenantId;
use payterms_proto::invoicing::v1 as pb;

/// The template that is used.
pub async fn get_mail_template(
    app: &App,
    tenant: &TenantId,
    named: TemplateRef,
) -> Result<pb::GetMailTemplateResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let of_tenant = mails::template(&conn, tenant, named.kind, named.language.code()).await?;
    let shown = if let Some((subject, text)) = &of_tenant {
        messages::mail_templates::mail_template(named, subject, text, true)
    } else {
        let (subject, text) = templates::ours(named.kind, named.language);
        messages::mail_templates::mail_template(named, subject, text, false)
    };
    Ok(pb::GetMailTemplateResponse { mail_template: Some(shown) })
}
