//! Mails: requests → references, and mails → messages.

use super::customers::customer_name;
use payterms_chassis::{AppError, Call, Fields, page::Page, render::timestamp};
use payterms_invoicing_domain::{Customer, Mail, MailKind, MailState, mail::Attachment};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// Asks for mails: the tenant, a customer if one is named, the page.
pub fn list_mails(
    request: Request<pb::ListMailsRequest>,
) -> Result<(TenantId, Option<Id<Customer>>, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let customer = (!message.customer.is_empty())
        .then(|| fields.name("customer", &message.customer, &["customers"]));
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

/// The kind of a mail.
#[must_use]
pub fn mail_kind(kind: MailKind) -> pb::MailKind {
    match kind {
        MailKind::Receipt => pb::MailKind::Receipt,
        MailKind::CollectionFailed => pb::MailKind::CollectionFailed,
        MailKind::CollectionPlanned => pb::MailKind::CollectionPlanned,
        MailKind::TopUpRefunded => pb::MailKind::TopUpRefunded,
        MailKind::AuthenticationNeeded => pb::MailKind::AuthenticationNeeded,
        MailKind::RechargeFailed => pb::MailKind::RechargeFailed,
        MailKind::PrepaymentTurnedOff => pb::MailKind::PrepaymentTurnedOff,
        MailKind::ServiceOverdue => pb::MailKind::ServiceOverdue,
        MailKind::ServiceSuspended => pb::MailKind::ServiceSuspended,
        MailKind::ServiceRestored => pb::MailKind::ServiceRestored,
        MailKind::Reminder => pb::MailKind::Reminder,
        MailKind::Statement => pb::MailKind::Statement,
        MailKind::TransferInvoice => pb::MailKind::TransferInvoice,
        MailKind::DebitNotice => pb::MailKind::DebitNotice,
        MailKind::PlanReceived => pb::MailKind::PlanReceived,
        MailKind::PlanAnswered => pb::MailKind::PlanAnswered,
        MailKind::PlanApproved => pb::MailKind::PlanApproved,
        MailKind::PlanRefused => pb::MailKind::PlanRefused,
        MailKind::PlanCountered => pb::MailKind::PlanCountered,
        MailKind::PlanLapsed => pb::MailKind::PlanLapsed,
        MailKind::PlanLate => pb::MailKind::PlanLate,
        MailKind::PlanResumed => pb::MailKind::PlanResumed,
        MailKind::PlanBreached => pb::MailKind::PlanBreached,
        MailKind::PlanCancelled => pb::MailKind::PlanCancelled,
        MailKind::PlanCompleted => pb::MailKind::PlanCompleted,
        MailKind::InstalmentDue => pb::MailKind::InstalmentDue,
        MailKind::InstalmentFailed => pb::MailKind::InstalmentFailed,
        MailKind::LineOffered => pb::MailKind::LineOffered,
        MailKind::LineSuspended => pb::MailKind::LineSuspended,
        MailKind::LineRestored => pb::MailKind::LineRestored,
        MailKind::LimitCut => pb::MailKind::LimitCut,
        MailKind::CreditDeclined => pb::MailKind::CreditDeclined,
        MailKind::CreditInformation => pb::MailKind::CreditInformation,
        MailKind::PaymentTakenBack => pb::MailKind::PaymentTakenBack,
        MailKind::PlanBreachUndone => pb::MailKind::PlanBreachUndone,
        MailKind::PlanReopened => pb::MailKind::PlanReopened,
        MailKind::TransferAnnounced => pb::MailKind::TransferAnnounced,
        MailKind::IncreaseGranted => pb::MailKind::IncreaseGranted,
        MailKind::IncreaseRefused => pb::MailKind::IncreaseRefused,
        MailKind::TaxNumberInvalid => pb::MailKind::TaxNumberInvalid,
        MailKind::InvoiceIssued => pb::MailKind::InvoiceIssued,
        MailKind::InvoiceVoided => pb::MailKind::InvoiceVoided,
        MailKind::CreditNoteIssued => pb::MailKind::CreditNoteIssued,
        MailKind::PaymentReceived => pb::MailKind::PaymentReceived,
        MailKind::PostpaidDecided => pb::MailKind::PostpaidDecided,
        MailKind::CreditRevoked => pb::MailKind::CreditRevoked,
        MailKind::CreditRestored => pb::MailKind::CreditRestored,
        MailKind::TransferRefunded => pb::MailKind::TransferRefunded,
        MailKind::TransferRefundReturned => pb::MailKind::TransferRefundReturned,
        MailKind::CreditExpires => pb::MailKind::CreditExpires,
        MailKind::DisputeOpened => pb::MailKind::DisputeOpened,
        MailKind::DisputeWon => pb::MailKind::DisputeWon,
        MailKind::DisputeLost => pb::MailKind::DisputeLost,
        MailKind::DisputeReported => pb::MailKind::DisputeReported,
        MailKind::WebhookDisabled => pb::MailKind::WebhookDisabled,
        MailKind::RechargeRemoved => pb::MailKind::RechargeRemoved,
    }
}

/// A mail without anything personal, for events.
#[must_use]
pub fn anonymous_mail(tenant: &TenantId, mail: &Mail) -> pb::Mail {
    let customer =
        mail.customer.map(|customer| customer_name(tenant, customer)).unwrap_or_default();
    let state = match mail.state {
        MailState::Pending => pb::mail::State::Pending,
        MailState::Sent => pb::mail::State::Sent,
        MailState::Failed => pb::mail::State::Failed,
    };
    let attachment = |each: &Attachment| match each {
        Attachment::Invoice(id) => format!("{customer}/invoices/{id}"),
        Attachment::Receipt(id) => format!("{customer}/receipts/{id}"),
        Attachment::ReceiptCreditNote(receipt, note) => {
            format!("{customer}/receipts/{receipt}/creditNotes/{note}")
        }
        Attachment::Statement(id) => format!("{customer}/statements/{id}"),
        Attachment::CreditNote { invoice, note } => {
            format!("{customer}/invoices/{invoice}/creditNotes/{note}")
        }
    };
    pb::Mail {
        name: format!("tenants/{tenant}/mails/{}", mail.id),
        kind: mail_kind(mail.kind).into(),
        state: state.into(),
        attachments: mail.attachments.iter().map(attachment).collect(),
        attempt_count: i32::try_from(mail.attempts).unwrap_or(i32::MAX),
        failure_reason: mail.failure.clone(),
        create_time: Some(timestamp(mail.created_at)),
        update_time: Some(timestamp(mail.updated_at)),
        customer,
        ..pb::Mail::default()
    }
}

/// A mail without its text, for lists.
#[must_use]
pub fn listed_mail(tenant: &TenantId, mail: &Mail) -> pb::Mail {
    pb::Mail {
        recipients: mail.to.clone(),
        subject: mail.subject.clone(),
        ..anonymous_mail(tenant, mail)
    }
}

/// A whole mail.
#[must_use]
pub fn mail(tenant: &TenantId, mail: &Mail) -> pb::Mail {
    pb::Mail { text: mail.text.clone(), ..listed_mail(tenant, mail) }
}
