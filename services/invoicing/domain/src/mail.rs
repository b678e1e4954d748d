//! Mails: what is told to whom, and how often it is tried (docs/domain/invoicing.md#mails).

use crate::customer::Customer;
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Id, Refusal};
use uuid::Uuid;

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MailKind {
    /// Credit was bought.
    Receipt,
    /// An invoice could not be collected.
    CollectionFailed,
    /// The cardholder must authenticate.
    AuthenticationNeeded,
    /// An auto-recharge failed or stopped.
    RechargeFailed,
    /// Prepayment went off by itself; it goes to the tenant.
    PrepaymentTurnedOff,
    /// A metered service is overdue.
    ServiceOverdue,
    /// A metered service is suspended.
    ServiceSuspended,
    /// A metered service can be used again.
    ServiceRestored,
    /// An invoice is reminded.
    Reminder,
    /// A month is over.
    Statement,
    /// Credit is to be paid by bank transfer; it goes to the address that was given.
    TransferInvoice,
    /// A bank account will be debited.
    DebitNotice,
    /// A plan is proposed; it goes to the tenant.
    PlanReceived,
    /// A customer answered a counter-offer or withdrew; it goes to the tenant.
    PlanAnswered,
    /// A plan is active.
    PlanApproved,
    /// A plan was refused.
    PlanRefused,
    /// Another plan is offered.
    PlanCountered,
    /// A plan lapsed.
    PlanLapsed,
    /// An instalment is late.
    PlanLate,
    /// A plan goes on after it was late or breached.
    PlanResumed,
    /// A plan was breached.
    PlanBreached,
    /// A plan was cancelled.
    PlanCancelled,
    /// A plan is paid.
    PlanCompleted,
    /// An instalment comes near.
    InstalmentDue,
    /// An instalment could not be collected.
    InstalmentFailed,
    /// A credit line waits to be activated.
    LineOffered,
    /// A credit line cannot be drawn on.
    LineSuspended,
    /// A credit line can be used again.
    LineRestored,
    /// The limit of a credit line was cut.
    LimitCut,
    /// An application for credit was declined.
    CreditDeclined,
    /// An applicant for credit is to add something.
    CreditInformation,
    /// A payment by bank transfer does not stand any more.
    PaymentTakenBack,
    /// The breach of a plan is undone.
    PlanBreachUndone,
    /// A plan that was paid is open again.
    PlanReopened,
    /// A bank transfer was announced.
    TransferAnnounced,
    /// A higher limit of a credit line was granted.
    IncreaseGranted,
    /// A higher limit of a credit line was refused.
    IncreaseRefused,
    /// Another collection method is tried for what could not be collected.
    CollectionPlanned,
    /// Bought credit was given back.
    TopUpRefunded,
    /// A tax number could not be confirmed.
    TaxNumberInvalid,
    /// An invoice is issued; those of the turn of a month go in its mail.
    InvoiceIssued,
    /// An invoice was taken back whole, without a credit note.
    InvoiceVoided,
    /// A credit note was issued.
    CreditNoteIssued,
    /// Invoices were paid.
    PaymentReceived,
    /// A postpaid agreement was approved or refused.
    PostpaidDecided,
    /// Bought credit was revoked for cause.
    CreditRevoked,
    /// Revoked credit was given back.
    CreditRestored,
    /// A charge is disputed.
    DisputeOpened,
    /// A dispute is won.
    DisputeWon,
    /// A dispute is lost, or a bank has returned a debit.
    DisputeLost,
    /// A charge is disputed, or a dispute is decided; it goes to the tenant.
    DisputeReported,
}

impl MailKind {
    /// All kinds.
    pub const ALL: [Self; 51] = [
        Self::Receipt,
        Self::CollectionFailed,
        Self::AuthenticationNeeded,
        Self::RechargeFailed,
        Self::PrepaymentTurnedOff,
        Self::ServiceOverdue,
        Self::ServiceSuspended,
        Self::ServiceRestored,
        Self::Reminder,
        Self::Statement,
        Self::TransferInvoice,
        Self::DebitNotice,
        Self::PlanReceived,
        Self::PlanAnswered,
        Self::PlanApproved,
        Self::PlanRefused,
        Self::PlanCountered,
        Self::PlanLapsed,
        Self::PlanLate,
        Self::PlanResumed,
        Self::PlanBreached,
        Self::PlanCancelled,
        Self::PlanCompleted,
        Self::InstalmentDue,
        Self::InstalmentFailed,
        Self::LineOffered,
        Self::LineSuspended,
        Self::LineRestored,
        Self::LimitCut,
        Self::CreditDeclined,
        Self::CreditInformation,
        Self::PaymentTakenBack,
        Self::PlanBreachUndone,
        Self::PlanReopened,
        Self::TransferAnnounced,
        Self::IncreaseGranted,
        Self::IncreaseRefused,
        Self::CollectionPlanned,
        Self::TopUpRefunded,
        Self::TaxNumberInvalid,
        Self::InvoiceIssued,
        Self::InvoiceVoided,
        Self::CreditNoteIssued,
        Self::PaymentReceived,
        Self::PostpaidDecided,
        Self::CreditRevoked,
        Self::CreditRestored,
        Self::DisputeOpened,
        Self::DisputeWon,
        Self::DisputeLost,
        Self::DisputeReported,
    ];

    /// The name of the kind, as in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Receipt => "RECEIPT",
            Self::CollectionFailed => "COLLECTION_FAILED",
            Self::AuthenticationNeeded => "AUTHENTICATION_NEEDED",
            Self::RechargeFailed => "RECHARGE_FAILED",
            Self::PrepaymentTurnedOff => "PREPAYMENT_TURNED_OFF",
            Self::ServiceOverdue => "SERVICE_OVERDUE",
            Self::ServiceSuspended => "SERVICE_SUSPENDED",
            Self::ServiceRestored => "SERVICE_RESTORED",
            Self::Reminder => "REMINDER",
            Self::Statement => "STATEMENT",
            Self::TransferInvoice => "TRANSFER_INVOICE",
            Self::DebitNotice => "DEBIT_NOTICE",
            Self::PlanReceived => "PLAN_RECEIVED",
            Self::PlanAnswered => "PLAN_ANSWERED",
            Self::PlanApproved => "PLAN_APPROVED",
            Self::PlanRefused => "PLAN_REFUSED",
            Self::PlanCountered => "PLAN_COUNTERED",
            Self::PlanLapsed => "PLAN_LAPSED",
            Self::PlanLate => "PLAN_LATE",
            Self::PlanResumed => "PLAN_RESUMED",
            Self::PlanBreached => "PLAN_BREACHED",
            Self::PlanCancelled => "PLAN_CANCELLED",
            Self::PlanCompleted => "PLAN_COMPLETED",
            Self::InstalmentDue => "INSTALMENT_DUE",
            Self::InstalmentFailed => "INSTALMENT_FAILED",
            Self::LineOffered => "LINE_OFFERED",
            Self::LineSuspended => "LINE_SUSPENDED",
            Self::LineRestored => "LINE_RESTORED",
            Self::LimitCut => "LIMIT_CUT",
            Self::CreditDeclined => "CREDIT_DECLINED",
            Self::CreditInformation => "CREDIT_INFORMATION",
            Self::PaymentTakenBack => "PAYMENT_TAKEN_BACK",
            Self::PlanBreachUndone => "PLAN_BREACH_UNDONE",
            Self::PlanReopened => "PLAN_REOPENED",
            Self::TransferAnnounced => "TRANSFER_ANNOUNCED",
            Self::IncreaseGranted => "INCREASE_GRANTED",
            Self::IncreaseRefused => "INCREASE_REFUSED",
            Self::CollectionPlanned => "COLLECTION_PLANNED",
            Self::TopUpRefunded => "TOP_UP_REFUNDED",
            Self::TaxNumberInvalid => "TAX_NUMBER_INVALID",
            Self::InvoiceIssued => "INVOICE_ISSUED",
            Self::InvoiceVoided => "INVOICE_VOIDED",
            Self::CreditNoteIssued => "CREDIT_NOTE_ISSUED",
            Self::PaymentReceived => "PAYMENT_RECEIVED",
            Self::PostpaidDecided => "POSTPAID_DECIDED",
            Self::CreditRevoked => "CREDIT_REVOKED",
            Self::CreditRestored => "CREDIT_RESTORED",
            Self::DisputeOpened => "DISPUTE_OPENED",
            Self::DisputeWon => "DISPUTE_WON",
            Self::DisputeLost => "DISPUTE_LOST",
            Self::DisputeReported => "DISPUTE_REPORTED",
        }
    }

    /// Whether it goes to the tenant itself.
    #[must_use]
    pub fn is_for_the_tenant(self) -> bool {
        matches!(self, Self::PrepaymentTurnedOff | Self::PlanReceived | Self::PlanAnswered | Self::DisputeReported)
    }
}

/// Where a mail is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailState {
    /// It is being sent, or tried again later.
    Pending,
    /// The mail server has it.
    Sent,
    /// It is not tried again by itself.
    Failed,
}

impl MailState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Sent, Self::Failed];

    /// The name of the state, as in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Sent => "SENT",
            Self::Failed => "FAILED",
        }
    }
}

/// A document that goes with a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachment {
    /// An invoice.
    Invoice(Uuid),
    /// A receipt.
    Receipt(Uuid),
    /// A receipt, and its credit note that goes with the mail.
    ReceiptCreditNote(Uuid, Uuid),
    /// A statement.
    Statement(Uuid),
    /// A credit note.
    CreditNote {
        /// The invoice that it takes from.
        invoice: Uuid,
        /// The credit note.
        note: Uuid,
    },
}

/// A mail as it was written. Addresses and text are personal data: logs never hold them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its id; the message id comes from it, so that a mail that is sent twice is seen once.
    pub id: Id<Mail>,
    /// What it is about.
    pub kind: MailKind,
    /// Whom it is for; none: the tenant.
    pub customer: Option<Id<Customer>>,
    /// Addresses.
    pub to: Vec<String>,
    /// Subject.
    pub subject: String,
    /// Text.
    pub text: String,
    /// Documents.
    pub attachments: Vec<Attachment>,
    /// Where it is.
    pub state: MailState,
    /// Tries so far.
    pub attempts: u32,
    /// Why the last try failed.
    pub failure: String,
    /// Counts its changes.
    pub version: i64,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Minutes until the next try; after the last one it has failed.
const PAUSES_MINUTES: [i64; 5] = [1, 5, 30, 120, 720];

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// The mail server took it.
    Sent,
    /// The mail server refuses it for good.
    Refused,
    /// The mail server cannot be reached, or says later.
    Unreachable,
}

impl Mail {
    /// Writes a mail; one without an address has failed from the start, for everybody to see.
    #[must_use]
    pub fn write(
        id: Id<Self>,
        (kind, customer): (MailKind, Option<Id<Customer>>),
        to: Vec<String>,
        (subject, text): (String, String),
        attachments: Vec<Attachment>,
        now: DateTime<Utc>,
    ) -> Self {
        let (state, failure) = if to.is_empty() { (MailState::Failed, "NO_ADDRESS") } else { (MailState::Pending, "") };
        Self {
            id,
            kind,
            customer,
            to,
            subject,
            text,
            attachments,
            state,
            attempts: 0,
            failure: failure.to_owned(),
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// Notes a try; answers when the next one is, if there is one.
    pub fn tried(&mut self, tried: &Tried, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let pause = PAUSES_MINUTES.get(usize::try_from(self.attempts).unwrap_or(usize::MAX));
        self.attempts = self.attempts.saturating_add(1);
        self.touch(now);
        let (state, failure, next) = match (tried, pause) {
            (Tried::Sent, _) => (MailState::Sent, "", None),
            (Tried::Unreachable, Some(minutes)) => (MailState::Pending, "UNREACHABLE", Some(now + TimeDelta::minutes(*minutes))),
            (Tried::Unreachable, None) => (MailState::Failed, "UNREACHABLE", None),
            (Tried::Refused, _) => (MailState::Failed, "REFUSED", None),
        };
        self.state = state;
        failure.clone_into(&mut self.failure);
        next
    }

    /// Begins anew by hand.
    ///
    /// # Errors
    /// `MAIL_STATE` for one that has not failed, or has no address.
    pub fn retry(&mut self, now: DateTime<Utc>) -> Result<(), Refusal> {
        if self.state != MailState::Failed || self.to.is_empty() {
            return Err(Refusal::state("MAIL_STATE", "The mail", self.state.name(), &[]));
        }
        (self.state, self.attempts) = (MailState::Pending, 0);
        self.touch(now);
        Ok(())
    }

    fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}

impl Customer {
    /// Where documents and notices go: the billing address and the contacts who want them, each once.
    #[must_use]
    pub fn mail_addresses(&self) -> Vec<String> {
        let contacts = self.contacts.iter().filter(|contact| contact.receives_documents).map(|contact| &contact.email);
        let mut to: Vec<String> = Vec::new();
        for address in std::iter::once(&self.billing_email).chain(contacts).filter(|address| !address.is_empty()) {
            if !to.contains(address) {
                to.push(address.clone());
            }
        }
        to
    }
}

#[cfg(test)]
#[path = "mail_tests.rs"]
mod tests;
