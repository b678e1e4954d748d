//! Where a bank line is, and why (docs/domain/invoicing.md#bank-lines).

/// Where a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineState {
    /// It names no invoice that we know: a person matches it.
    Unmatched,
    /// Something about it is for a person to decide.
    Suggested,
    /// It may be a booking that another file held already: it pays nothing until a person says what it is.
    SuspectedDuplicate,
    /// It pays invoices, or is a customer's money on account; a return takes its line back.
    Matched,
    /// Its match is being taken back.
    Unmatching,
    /// It is no customer's payment: a person said why.
    Dismissed,
    /// Its parts stand for it.
    Split,
    /// The bank has taken the money back: it pays nothing.
    Returned,
}

impl LineState {
    /// All states.
    pub const ALL: [Self; 8] = [
        Self::Unmatched,
        Self::Suggested,
        Self::SuspectedDuplicate,
        Self::Matched,
        Self::Unmatching,
        Self::Dismissed,
        Self::Split,
        Self::Returned,
    ];

    /// The name of the state, as in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unmatched => "UNMATCHED",
            Self::Suggested => "SUGGESTED",
            Self::SuspectedDuplicate => "SUSPECTED_DUPLICATE",
            Self::Matched => "MATCHED",
            Self::Unmatching => "UNMATCHING",
            Self::Dismissed => "DISMISSED",
            Self::Split => "SPLIT",
            Self::Returned => "RETURNED",
        }
    }

    /// The verbs that a person has in this state.
    pub(super) fn allowed(self) -> &'static [&'static str] {
        match self {
            Self::Unmatched | Self::Suggested => &["MatchBankLine", "CreditBankLine", "SplitBankLine", "DismissBankLine"],
            Self::SuspectedDuplicate => &["ConfirmBankLine", "DismissBankLine"],
            Self::Matched => &["UnmatchBankLine"],
            Self::Dismissed => &["MatchBankLine", "CreditBankLine", "SplitBankLine"],
            Self::Unmatching | Self::Split | Self::Returned => &[],
        }
    }
}

/// Why a person decides about a line that names invoices, or about a return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SuggestReason {
    /// A named invoice is a draft, paid, void, or a credit note has taken it off.
    InvoiceNotOpen,
    /// The named invoices are of several customers.
    SeveralCustomers,
    /// The payer's account is known to pay for other customers only.
    OtherPayer,
    /// An account that never paid before pays over 110 percent of what is named.
    AmountAboveNamed,
    /// The tenant matches exact amounts only, and this is another one.
    AmountDiffers,
    /// The tenant matches nothing without a person.
    AutomationOff,
    /// A purchase of credit is named together with other invoices.
    TopUpAmongOthers,
    /// An amount that is stated for a document is more than it can take.
    StatedAmount,
    /// It is a part of a batch whose parts do not come to what was booked, and no charges explain it.
    PartsDiffer,
    /// No line fits a return by more than its amount.
    OriginalUnknown,
    /// Several lines fit a return equally well.
    SeveralOriginals,
    /// The line that a return fits cannot be taken back.
    OriginalNotReturnable,
    /// It may be a transfer back of ours that came back.
    TransferRefundReturned,
}

impl SuggestReason {
    /// All reasons.
    pub const ALL: [Self; 13] = [
        Self::InvoiceNotOpen,
        Self::SeveralCustomers,
        Self::OtherPayer,
        Self::AmountAboveNamed,
        Self::AmountDiffers,
        Self::AutomationOff,
        Self::TopUpAmongOthers,
        Self::StatedAmount,
        Self::PartsDiffer,
        Self::OriginalUnknown,
        Self::SeveralOriginals,
        Self::OriginalNotReturnable,
        Self::TransferRefundReturned,
    ];

    /// The name of the reason, as in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InvoiceNotOpen => "INVOICE_NOT_OPEN",
            Self::SeveralCustomers => "SEVERAL_CUSTOMERS",
            Self::OtherPayer => "OTHER_PAYER",
            Self::AmountAboveNamed => "AMOUNT_ABOVE_NAMED",
            Self::AmountDiffers => "AMOUNT_DIFFERS",
            Self::AutomationOff => "AUTOMATION_OFF",
            Self::TopUpAmongOthers => "TOP_UP_AMONG_OTHERS",
            Self::StatedAmount => "STATED_AMOUNT",
            Self::PartsDiffer => "PARTS_DIFFER",
            Self::OriginalUnknown => "ORIGINAL_UNKNOWN",
            Self::SeveralOriginals => "SEVERAL_ORIGINALS",
            Self::OriginalNotReturnable => "ORIGINAL_NOT_RETURNABLE",
            Self::TransferRefundReturned => "TRANSFER_REFUND_RETURNED",
        }
    }
}

/// Why a line is no customer's payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dismissal {
    /// Interest of the bank.
    Interest,
    /// The tenant moved its own money.
    OwnMoney,
    /// The money is another's and goes back at the bank.
    NotOurs,
    /// Another line stands for the same booking.
    Duplicate,
    /// A supplier or a bank gave money back.
    RefundReceived,
    /// Something else: the explanation says what.
    Other,
}

impl Dismissal {
    /// All reasons.
    pub const ALL: [Self; 6] = [Self::Interest, Self::OwnMoney, Self::NotOurs, Self::Duplicate, Self::RefundReceived, Self::Other];

    /// The name of the reason, as in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Interest => "INTEREST",
            Self::OwnMoney => "OWN_MONEY",
            Self::NotOurs => "NOT_OURS",
            Self::Duplicate => "DUPLICATE",
            Self::RefundReceived => "REFUND_RECEIVED",
            Self::Other => "OTHER",
        }
    }
}
