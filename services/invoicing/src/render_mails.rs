//! Mails and templates → messages of the contract.

use crate::{documents::wording::Language, render::customer_name};
use payterms_chassis::render::timestamp;
use payterms_invoicing_domain::{Mail, MailKind, MailState, mail::Attachment};
use payterms_kernel::TenantId;
use payterms_proto::invoicing::v1 as pb;

/// The kind of a mail.
#[must_use]
pub fn kind(kind: MailKind) -> pb::MailKind {
    match kind {
        MailKind::Receipt => pb::MailKind::Receipt,
        MailKind::CollectionFailed => pb::MailKind::CollectionFailed,
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
    }
}

/// A mail without anything personal, for events.
#[must_use]
pub fn anonymous(tenant: &TenantId, mail: &Mail) -> pb::Mail {
    let customer = mail.customer.map(|customer| customer_name(tenant, customer)).unwrap_or_default();
    let state = match mail.state {
        MailState::Pending => pb::mail::State::Pending,
        MailState::Sent => pb::mail::State::Sent,
        MailState::Failed => pb::mail::State::Failed,
    };
    let attachment = |own: &Attachment| match own {
        Attachment::Invoice(id) => format!("{customer}/invoices/{id}"),
        Attachment::Receipt(id) => format!("{customer}/receipts/{id}"),
        Attachment::Statement(id) => format!("{customer}/statements/{id}"),
    };
    pb::Mail {
        name: format!("tenants/{tenant}/mails/{}", mail.id),
        kind: kind(mail.kind).into(),
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
pub fn listed(tenant: &TenantId, mail: &Mail) -> pb::Mail {
    pb::Mail { recipients: mail.to.clone(), subject: mail.subject.clone(), ..anonymous(tenant, mail) }
}

/// A whole mail.
#[must_use]
pub fn mail(tenant: &TenantId, mail: &Mail) -> pb::Mail {
    pb::Mail { text: mail.text.clone(), ..listed(tenant, mail) }
}

/// A template.
#[must_use]
pub fn template((of, language): (MailKind, Language), (subject, text): (&str, &str), customized: bool) -> pb::MailTemplate {
    pb::MailTemplate {
        kind: kind(of).into(),
        locale: language.code().to_owned(),
        subject: subject.to_owned(),
        text: text.to_owned(),
        customized,
    }
}
