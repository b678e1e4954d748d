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

payterms_kernel::names! {
    /// The name of the kind, as in the contract.
    MailKind {
        Receipt = "RECEIPT",
        CollectionFailed = "COLLECTION_FAILED",
        AuthenticationNeeded = "AUTHENTICATION_NEEDED",
        RechargeFailed = "RECHARGE_FAILED",
        PrepaymentTurnedOff = "PREPAYMENT_TURNED_OFF",
        ServiceOverdue = "SERVICE_OVERDUE",
        ServiceSuspended = "SERVICE_SUSPENDED",
        ServiceRestored = "SERVICE_RESTORED",
        Reminder = "REMINDER",
        Statement = "STATEMENT",
        TransferInvoice = "TRANSFER_INVOICE",
        DebitNotice = "DEBIT_NOTICE",
        PlanReceived = "PLAN_RECEIVED",
        PlanAnswered = "PLAN_ANSWERED",
        PlanApproved = "PLAN_APPROVED",
        PlanRefused = "PLAN_REFUSED",
        PlanCountered = "PLAN_COUNTERED",
        PlanLapsed = "PLAN_LAPSED",
        PlanLate = "PLAN_LATE",
        PlanResumed = "PLAN_RESUMED",
        PlanBreached = "PLAN_BREACHED",
        PlanCancelled = "PLAN_CANCELLED",
        PlanCompleted = "PLAN_COMPLETED",
        InstalmentDue = "INSTALMENT_DUE",
        InstalmentFailed = "INSTALMENT_FAILED",
        LineOffered = "LINE_OFFERED",
        LineSuspended = "LINE_SUSPENDED",
        LineRestored = "LINE_RESTORED",
        LimitCut = "LIMIT_CUT",
        CreditDeclined = "CREDIT_DECLINED",
        CreditInformation = "CREDIT_INFORMATION",
        PaymentTakenBack = "PAYMENT_TAKEN_BACK",
        PlanBreachUndone = "PLAN_BREACH_UNDONE",
        PlanReopened = "PLAN_REOPENED",
        TransferAnnounced = "TRANSFER_ANNOUNCED",
        IncreaseGranted = "INCREASE_GRANTED",
        IncreaseRefused = "INCREASE_REFUSED",
        CollectionPlanned = "COLLECTION_PLANNED",
        TopUpRefunded = "TOP_UP_REFUNDED",
        TaxNumberInvalid = "TAX_NUMBER_INVALID",
        InvoiceIssued = "INVOICE_ISSUED",
        InvoiceVoided = "INVOICE_VOIDED",
        CreditNoteIssued = "CREDIT_NOTE_ISSUED",
        PaymentReceived = "PAYMENT_RECEIVED",
        PostpaidDecided = "POSTPAID_DECIDED",
        CreditRevoked = "CREDIT_REVOKED",
        CreditRestored = "CREDIT_RESTORED",
        TransferRefunded = "TRANSFER_REFUNDED",
        TransferRefundReturned = "TRANSFER_REFUND_RETURNED",
        CreditExpires = "CREDIT_EXPIRES",
        DisputeOpened = "DISPUTE_OPENED",
        DisputeWon = "DISPUTE_WON",
        DisputeLost = "DISPUTE_LOST",
        DisputeReported = "DISPUTE_REPORTED",
        WebhookDisabled = "WEBHOOK_DISABLED",
        RechargeRemoved = "RECHARGE_REMOVED",
    }
}

impl MailKind {
    /// Whether it goes to the tenant itself.
    #[must_use]
    pub fn is_for_the_tenant(self) -> bool {
        matches!(
            self,
            Self::PrepaymentTurnedOff
                | Self::PlanReceived
                | Self::PlanAnswered
                | Self::DisputeReported
                | Self::WebhookDisabled
        )
    }
}
