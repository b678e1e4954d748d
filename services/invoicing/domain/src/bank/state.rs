//! Where a bank line is, and why (docs/domain/invoicing.md#bank-lines).

/// Where a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineState {
    /// It names no invoice that we know: a person matches it.
    Unmatched,
    /// Something about it is for a person to decide.
    Suggested,
    /// It may be a booking that another file held already: it pays nothing until a person says what
    /// it is.
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

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    LineState {
        Unmatched = "UNMATCHED",
        Suggested = "SUGGESTED",
        SuspectedDuplicate = "SUSPECTED_DUPLICATE",
        Matched = "MATCHED",
        Unmatching = "UNMATCHING",
        Dismissed = "DISMISSED",
        Split = "SPLIT",
        Returned = "RETURNED",
    }
}

impl LineState {
    /// The verbs that a person has in this state.
    pub(super) fn allowed(self) -> &'static [&'static str] {
        match self {
            Self::Unmatched | Self::Suggested => {
                &["MatchBankLine", "CreditBankLine", "SplitBankLine", "DismissBankLine"]
            }
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
    /// It is a part of a batch whose parts do not come to what was booked, and no charges explain
    /// it.
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

payterms_kernel::names! {
    /// The name of the reason, as in the contract.
    SuggestReason {
        InvoiceNotOpen = "INVOICE_NOT_OPEN",
        SeveralCustomers = "SEVERAL_CUSTOMERS",
        OtherPayer = "OTHER_PAYER",
        AmountAboveNamed = "AMOUNT_ABOVE_NAMED",
        AmountDiffers = "AMOUNT_DIFFERS",
        AutomationOff = "AUTOMATION_OFF",
        TopUpAmongOthers = "TOP_UP_AMONG_OTHERS",
        StatedAmount = "STATED_AMOUNT",
        PartsDiffer = "PARTS_DIFFER",
        OriginalUnknown = "ORIGINAL_UNKNOWN",
        SeveralOriginals = "SEVERAL_ORIGINALS",
        OriginalNotReturnable = "ORIGINAL_NOT_RETURNABLE",
        TransferRefundReturned = "TRANSFER_REFUND_RETURNED",
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

payterms_kernel::names! {
    /// The name of the reason, as in the contract.
    Dismissal {
        Interest = "INTEREST",
        OwnMoney = "OWN_MONEY",
        NotOurs = "NOT_OURS",
        Duplicate = "DUPLICATE",
        RefundReceived = "REFUND_RECEIVED",
        Other = "OTHER",
    }
}
