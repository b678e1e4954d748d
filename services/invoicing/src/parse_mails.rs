//! Requests about mails and their templates → what is asked for.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use crate::{documents::wording::Language, render_mails};
use payterms_chassis::{AppError, Call, Fields, page::Page};
use payterms_invoicing_domain::{Customer, Mail, MailKind};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// Asks for mails: the tenant, a customer if one is named, the page.
pub fn list_mails(request: Request<pb::ListMailsRequest>) -> Result<(TenantId, Option<Id<Customer>>, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let customer = (!message.customer.is_empty()).then(|| fields.name("customer", &message.customer, &["customers"]));
    let list = format!("{} {}", message.parent, message.customer);
    let page = Page::parse(&mut fields, &list, message.page_size, &message.page_token);
    fields.finish()?;
    if customer.as_ref().is_some_and(|customer| customer.tenant != tenant) {
        return Err(Refusal::not_found().into());
    }
    Ok((tenant, customer.map(|customer| Id::from_uuid(customer.id(0))), page))
}

/// Names a mail to read.
pub fn get_mail(request: Request<pb::GetMailRequest>) -> Result<(TenantId, Id<Mail>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["mails"]);
    fields.finish()?;
    Ok((name.tenant.clone(), Id::from_uuid(name.id(0))))
}

/// Names a mail to send again.
pub fn retry_mail(request: Request<pb::RetryMailRequest>) -> Result<(Call, Id<Mail>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["mails"]);
    let id = Id::from_uuid(name.id(0));
    Ok((fields.write(&message.request_id, name.tenant)?, id))
}

/// A kind of mail in a language.
pub type Which = (MailKind, Language);

fn which(fields: &mut Fields, at: &str, (kind, locale): (i32, &str)) -> Which {
    let asked = fields.choice::<pb::MailKind>(&format!("{at}kind"), kind);
    let kind = MailKind::ALL.into_iter().find(|own| Some(render_mails::kind(*own)) == asked).unwrap_or(MailKind::Receipt);
    if !matches!(locale, "en" | "fr") {
        fields.wrong(&format!("{at}locale"), "FIELD_INVALID_CHARS", "Use en or fr.");
    }
    (kind, Language::of(locale))
}

/// Names a template to read.
pub fn get_template(request: Request<pb::GetMailTemplateRequest>) -> Result<(TenantId, Which), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let which = which(&mut fields, "", (message.kind, &message.locale));
    fields.finish()?;
    Ok((tenant, which))
}

/// A template that is given: which, subject and text.
pub type Given = (Which, String, String);

fn given(fields: &mut Fields, template: Option<pb::MailTemplate>) -> Given {
    if template.is_none() {
        fields.wrong("mail_template", "FIELD_REQUIRED", "Write the template.");
    }
    let template = template.unwrap_or_default();
    let which = which(fields, "mail_template.", (template.kind, &template.locale));
    let subject = fields.text("mail_template.subject", &template.subject, 1, 500);
    (which, subject, fields.lines("mail_template.text", &template.text, 1, 20_000))
}

/// Sets a template.
pub fn update_template(request: Request<pb::UpdateMailTemplateRequest>) -> Result<(Call, Given), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let given = given(&mut fields, message.mail_template);
    Ok((fields.write(&message.request_id, tenant)?, given))
}

/// Goes back to our template.
pub fn reset_template(request: Request<pb::ResetMailTemplateRequest>) -> Result<(Call, Which), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let which = which(&mut fields, "", (message.kind, &message.locale));
    Ok((fields.write(&message.request_id, tenant)?, which))
}

/// Tries a template.
pub fn preview_template(request: Request<pb::PreviewMailTemplateRequest>) -> Result<Given, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    fields.name("parent", &message.parent, &[]);
    let given = given(&mut fields, message.mail_template);
    fields.finish()?;
    Ok(given)
}
