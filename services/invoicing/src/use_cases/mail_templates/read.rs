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
    let of_tenant = mails::template(&conn, tenant, (named.kind, named.language.code())).await?;
    let shown = match &of_tenant {
        Some((subject, text)) => {
            messages::mail_templates::mail_template(named, (subject, text), true)
        }
        None => messages::mail_templates::mail_template(
            named,
            templates::ours(named.kind, named.language),
            false,
        ),
    };
    Ok(pb::GetMailTemplateResponse { mail_template: Some(shown) })
}
