//! Templates of mails: requests → commands, and templates → messages.

use super::mails::mail_kind;
use crate::{
    commands::mail_templates::{TemplateRef, TemplateText},
    documents::wording::Language,
};
use payterms_chassis::{AppError, Call, Fields};
use payterms_invoicing_domain::MailKind;
use payterms_kernel::{Reason, TenantId};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

fn template_ref(fields: &mut Fields, at: &str, kind: i32, locale: &str) -> TemplateRef {
    let message = fields.choice::<pb::MailKind>(&format!("{at}kind"), kind);
    let kind = MailKind::ALL
        .into_iter()
        .find(|each| Some(mail_kind(*each)) == message)
        .unwrap_or(MailKind::Receipt);
    if !matches!(locale, "en" | "fr") {
        fields.wrong(&format!("{at}locale"), Reason::FIELD_INVALID_CHARS, "Use en or fr.");
    }
    TemplateRef { kind, language: Language::of(locale) }
}

/// Names a template to read.
pub fn get_mail_template(
    request: Request<pb::GetMailTemplateRequest>,
) -> Result<(TenantId, TemplateRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let named = template_ref(&mut fields, "", message.kind, &message.locale);
    fields.finish()?;
    Ok((tenant, named))
}

fn template_text(fields: &mut Fields, template: Option<pb::MailTemplate>) -> TemplateText {
    if template.is_none() {
        fields.wrong("mail_template", Reason::FIELD_REQUIRED, "Write the template.");
    }
    let template = template.unwrap_or_default();
    let named = template_ref(fields, "mail_template.", template.kind, &template.locale);
    let subject = fields.text("mail_template.subject", &template.subject, 1, 500);
    TemplateText {
        template: named,
        subject,
        text: fields.lines("mail_template.text", &template.text, 1, 20_000),
    }
}

/// Sets a template.
pub fn update_mail_template(
    request: Request<pb::UpdateMailTemplateRequest>,
) -> Result<(Call, TemplateText), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let text = template_text(&mut fields, message.mail_template);
    Ok((fields.write(&message.request_id, tenant)?, text))
}

/// Goes back to our template.
pub fn reset_mail_template(
    request: Request<pb::ResetMailTemplateRequest>,
) -> Result<(Call, TemplateRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let named = template_ref(&mut fields, "", message.kind, &message.locale);
    Ok((fields.write(&message.request_id, tenant)?, named))
}

/// Tries a template.
pub fn preview_mail_template(
    request: Request<pb::PreviewMailTemplateRequest>,
) -> Result<TemplateText, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    fields.name("parent", &message.parent, &[]);
    let text = template_text(&mut fields, message.mail_template);
    fields.finish()?;
    Ok(text)
}

/// A template.
#[must_use]
pub fn mail_template(
    named: TemplateRef,
    subject: &str,
    text: &str,
    customized: bool,
) -> pb::MailTemplate {
    pb::MailTemplate {
        kind: mail_kind(named.kind).into(),
        locale: named.language.code().to_owned(),
        subject: subject.to_owned(),
        text: text.to_owned(),
        customized,
    }
}
