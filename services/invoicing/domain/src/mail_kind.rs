//! The kinds of mails (docs/domain/invoicing.md#mail-kinds).

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
    /// Credit that had come by bank transfer was transferred back.
    TransferRefunded,
    /// A transfer back came back from the bank.
    TransferRefundReturned,
    /// Bought credit expires soon.
    CreditExpires,
    /// A charge is disputed.
    DisputeOpened,
    /// A dispute is won.
    DisputeWon,
    /// A dispute is lost, or a bank has returned a debit.
    DisputeLost,
    /// A charge is disputed, or a dispute is decided; it goes to the tenant.
    DisputeReported,
    /// A webhook endpoint was disabled; it goes to the tenant.
    WebhookDisabled,
    /// The tenant has taken the rules of auto-recharge away.
    RechargeRemoved,
}

impl MailKind {
    /// All kinds.
    pub const ALL: [Self; 56] = [
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
        Self::TransferRefunded,
        Self::TransferRefundReturned,
        Self::CreditExpires,
        Self::DisputeOpened,
        Self::DisputeWon,
        Self::DisputeLost,
        Self::DisputeReported,
        Self::WebhookDisabled,
        Self::RechargeRemoved,
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
            Self::TransferRefunded => "TRANSFER_REFUNDED",
            Self::TransferRefundReturned => "TRANSFER_REFUND_RETURNED",
            Self::CreditExpires => "CREDIT_EXPIRES",
            Self::DisputeOpened => "DISPUTE_OPENED",
            Self::DisputeWon => "DISPUTE_WON",
            Self::DisputeLost => "DISPUTE_LOST",
            Self::DisputeReported => "DISPUTE_REPORTED",
            Self::WebhookDisabled => "WEBHOOK_DISABLED",
            Self::RechargeRemoved => "RECHARGE_REMOVED",
        }
    }

    /// Whether it goes to the tenant itself.
    #[must_use]
    pub fn is_for_the_tenant(self) -> bool {
        matches!(self, Self::PrepaymentTurnedOff | Self::PlanReceived | Self::PlanAnswered | Self::DisputeReported | Self::WebhookDisabled)
    }
}
