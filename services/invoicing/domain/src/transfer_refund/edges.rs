//! Where a transfer back to its payer is, as data: it changes its state only along these edges
//! (docs/domain/invoicing.md#transfer-refund-states).

use std::fmt::Write;

/// Where a transfer back is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundState {
    /// Its credit is being reserved.
    Reserving,
    /// A second person is to confirm the account, which the bank did not name.
    Confirming,
    /// The transfer is to be made.
    Pending,
    /// It was made, and is being booked.
    Sending,
    /// It was made.
    Sent,
    /// The bank sent it back.
    Returned,
    /// It is given up, and its credit is being freed.
    Cancelling,
    /// It was given up.
    Cancelled,
    /// Its credit was gone before it could be reserved.
    Refused,
}

use RefundState::{
    Cancelled, Cancelling, Confirming, Pending, Refused, Reserving, Returned, Sending, Sent,
};

impl RefundState {
    /// All states.
    pub const ALL: [Self; 9] =
        [Reserving, Confirming, Pending, Sending, Sent, Returned, Cancelling, Cancelled, Refused];

    /// The name of the state, as in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reserving => "RESERVING",
            Confirming => "CONFIRMING",
            Pending => "PENDING",
            Sending => "SENDING",
            Sent => "SENT",
            Returned => "RETURNED",
            Cancelling => "CANCELLING",
            Cancelled => "CANCELLED",
            Refused => "REFUSED",
        }
    }

    /// True while the credit has been or may be paid out; then the payment cannot be undone in
    /// full.
    #[must_use]
    pub fn counts(self) -> bool {
        !matches!(self, Cancelled | Refused)
    }
}

/// What causes a change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundVerb {
    /// The wallet has reserved its credit.
    Reserve,
    /// It has, and the bank had named no account of the payer.
    ReserveUnnamed,
    /// A second person confirms the account.
    Confirm,
    /// The wallet had none to reserve.
    Refuse,
    /// A person, or a bank's file, says that the transfer was made.
    Send,
    /// The wallet has booked it.
    Book,
    /// The bank sent it back: a line shows it.
    Return,
    /// That line is taken back: it was something else.
    Restore,
    /// A person gives it up.
    Cancel,
    /// The wallet has freed its credit.
    Release,
}

/// All edges: the state, the verb, the next state.
pub const EDGES: [(RefundState, RefundVerb, RefundState); 11] = [
    (Reserving, RefundVerb::Reserve, Pending),
    (Reserving, RefundVerb::ReserveUnnamed, Confirming),
    (Reserving, RefundVerb::Refuse, Refused),
    (Confirming, RefundVerb::Confirm, Pending),
    (Confirming, RefundVerb::Cancel, Cancelling),
    (Pending, RefundVerb::Send, Sending),
    (Sending, RefundVerb::Book, Sent),
    (Sent, RefundVerb::Return, Returned),
    (Returned, RefundVerb::Restore, Sent),
    (Pending, RefundVerb::Cancel, Cancelling),
    (Cancelling, RefundVerb::Release, Cancelled),
];

impl RefundVerb {
    /// Its name in the diagram.
    fn name(self) -> &'static str {
        match self {
            Self::Reserve => "RESERVE",
            Self::ReserveUnnamed => "RESERVE_UNNAMED",
            Self::Refuse => "REFUSE",
            Self::Confirm => "CONFIRM",
            Self::Send => "SEND",
            Self::Book => "BOOK",
            Self::Return => "RETURN",
            Self::Restore => "RESTORE",
            Self::Cancel => "CANCEL",
            Self::Release => "RELEASE",
        }
    }

    /// The method by which a person applies it; none if only the suite does.
    fn method(self) -> Option<&'static str> {
        match self {
            Self::Confirm => Some("ConfirmRefundAccount"),
            Self::Send => Some("MarkRefundSent"),
            Self::Cancel => Some("CancelRefund"),
            Self::Reserve
            | Self::ReserveUnnamed
            | Self::Refuse
            | Self::Book
            | Self::Return
            | Self::Restore
            | Self::Release => None,
        }
    }
}

/// The next state, if the verb is allowed in this state.
#[must_use]
pub fn target(from: RefundState, verb: RefundVerb) -> Option<RefundState> {
    EDGES.iter().find(|edge| edge.0 == from && edge.1 == verb).map(|edge| edge.2)
}

/// The methods that a person may call in a state.
#[must_use]
pub fn allowed(from: RefundState) -> Vec<&'static str> {
    EDGES.iter().filter(|edge| edge.0 == from).filter_map(|edge| edge.1.method()).collect()
}

/// The machine as a Mermaid diagram; services/invoicing/README.md shows it.
#[must_use]
pub fn diagram() -> String {
    let mut text = "stateDiagram-v2\n  [*] --> RESERVING\n".to_owned();
    for (from, verb, to) in EDGES {
        let _ = writeln!(text, "  {} --> {}: {}", from.name(), to.name(), verb.name());
    }
    for end in
        RefundState::ALL.into_iter().filter(|state| !EDGES.iter().any(|edge| edge.0 == *state))
    {
        let _ = writeln!(text, "  {} --> [*]", end.name());
    }
    text
}
