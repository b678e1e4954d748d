//! The state machine of a line, as data: nothing else moves a line
//! (docs/domain/credit.md#line-states).

use crate::line::LineState::{
    self, Active, Closed, Declined, Expired, Inactive, Offered, Suspended,
};
use std::fmt::Write;

/// What leads from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// The customer takes it.
    Activate,
    /// The customer does not want it.
    Decline,
    /// Nobody activated it in time.
    Expire,
    /// The customer puts it aside.
    Deactivate,
    /// The customer takes it up again.
    Reactivate,
    /// Something is past due, or the tenant says so.
    Suspend,
    /// No reason to suspend it is left.
    Restore,
    /// The tenant ends it.
    Close,
}

/// All edges: from where, by what, to where. What was suspended is restored to where it was.
pub const EDGES: [(LineState, Verb, LineState); 13] = [
    (Offered, Verb::Activate, Active),
    (Offered, Verb::Decline, Declined),
    (Offered, Verb::Expire, Expired),
    (Offered, Verb::Close, Closed),
    (Active, Verb::Deactivate, Inactive),
    (Inactive, Verb::Reactivate, Active),
    (Active, Verb::Suspend, Suspended),
    (Inactive, Verb::Suspend, Suspended),
    (Suspended, Verb::Restore, Active),
    (Suspended, Verb::Restore, Inactive),
    (Active, Verb::Close, Closed),
    (Inactive, Verb::Close, Closed),
    (Suspended, Verb::Close, Closed),
];

payterms_kernel::names! {
    /// Its name, as in the history.
    Verb {
        Activate = "ACTIVATE",
        Decline = "DECLINE",
        Expire = "EXPIRE",
        Deactivate = "DEACTIVATE",
        Reactivate = "REACTIVATE",
        Suspend = "SUSPEND",
        Restore = "RESTORE",
        Close = "CLOSE",
    }
}

impl Verb {
    /// The method of the contract that a person takes this edge by; none: the suite takes it.
    #[must_use]
    pub fn method(self) -> Option<&'static str> {
        Some(match self {
            Self::Activate => "ActivateLine",
            Self::Decline => "DeclineLine",
            Self::Deactivate => "DeactivateLine",
            Self::Reactivate => "ReactivateLine",
            Self::Suspend => "SuspendLine",
            Self::Restore => "RestoreLine",
            Self::Close => "CloseLine",
            Self::Expire => return None,
        })
    }
}

/// Whether an edge is there.
#[must_use]
pub fn leads(from: LineState, verb: Verb, to: LineState) -> bool {
    EDGES.contains(&(from, verb, to))
}

/// The methods that a person may call in a state.
#[must_use]
pub fn allowed(from: LineState) -> Vec<&'static str> {
    let mut methods: Vec<_> =
        EDGES.iter().filter(|edge| edge.0 == from).filter_map(|edge| edge.1.method()).collect();
    methods.dedup();
    methods
}

/// The machine as a Mermaid diagram; services/credit/README.md shows it.
#[must_use]
pub fn diagram() -> String {
    let mut text = "stateDiagram-v2\n  [*] --> OFFERED\n".to_owned();
    for (from, verb, to) in EDGES {
        let _ = writeln!(text, "  {} --> {}: {}", from.name(), to.name(), verb.name());
    }
    for end in LineState::ALL.into_iter().filter(|state| !EDGES.iter().any(|edge| edge.0 == *state))
    {
        let _ = writeln!(text, "  {} --> [*]", end.name());
    }
    text
}
