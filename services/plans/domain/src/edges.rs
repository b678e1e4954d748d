//! The state machine of a plan, as data: a plan changes its state only along these edges
//! (docs/domain/plans.md#plan-states).

use crate::plan::PlanState::{
    self, Active, Breached, Cancelled, Completed, Countered, InGrace, Lapsed, Pending, Proposed,
    Refused, Withdrawn,
};
use std::fmt::Write;

/// What causes a change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// All invoices are blocked.
    Send,
    /// The tenant offers another schedule.
    Counter,
    /// The customer declines the counter-offer: the proposal is valid again.
    DeclineCounter,
    /// The tenant approves the proposal.
    Approve,
    /// The customer accepts the counter-offer.
    AcceptCounter,
    /// The tenant refuses the proposal.
    Refuse,
    /// The customer withdraws the proposal.
    Withdraw,
    /// Nobody answered in time, or nothing is open any more.
    Lapse,
    /// An instalment is late.
    Miss,
    /// Nothing is late any more.
    CatchUp,
    /// An instalment stayed late through the days of grace.
    Breach,
    /// The tenant makes a breached plan active again, or one that was paid and is open again.
    Reinstate,
    /// What was due had been paid in time: the breach is undone.
    UndoBreach,
    /// A payment of a plan that was paid is taken back.
    Reopen,
    /// The tenant cancels the plan.
    Cancel,
    /// All is paid.
    Complete,
}

/// All edges: the state, the verb, the next state.
pub const EDGES: [(PlanState, Verb, PlanState); 22] = [
    (Pending, Verb::Send, Proposed),
    (Proposed, Verb::Counter, Countered),
    (Countered, Verb::DeclineCounter, Proposed),
    (Proposed, Verb::Approve, Active),
    (Countered, Verb::AcceptCounter, Active),
    (Proposed, Verb::Refuse, Refused),
    (Countered, Verb::Refuse, Refused),
    (Proposed, Verb::Withdraw, Withdrawn),
    (Countered, Verb::Withdraw, Withdrawn),
    (Proposed, Verb::Lapse, Lapsed),
    (Countered, Verb::Lapse, Lapsed),
    (Active, Verb::Miss, InGrace),
    (InGrace, Verb::CatchUp, Active),
    (InGrace, Verb::Breach, Breached),
    (Breached, Verb::Reinstate, Active),
    (Breached, Verb::UndoBreach, Active),
    (Active, Verb::Cancel, Cancelled),
    (InGrace, Verb::Cancel, Cancelled),
    (Active, Verb::Complete, Completed),
    (Breached, Verb::Complete, Completed),
    (Completed, Verb::Reopen, Active),
    (Completed, Verb::Reinstate, Active),
];

payterms_kernel::names! {
    /// Its name, as in the history.
    Verb {
        Send = "SEND",
        Counter = "COUNTER",
        DeclineCounter = "DECLINE_COUNTER",
        Approve = "APPROVE",
        AcceptCounter = "ACCEPT_COUNTER",
        Refuse = "REFUSE",
        Withdraw = "WITHDRAW",
        Lapse = "LAPSE",
        Miss = "MISS",
        CatchUp = "CATCH_UP",
        Breach = "BREACH",
        Reinstate = "REINSTATE",
        UndoBreach = "UNDO_BREACH",
        Reopen = "REOPEN",
        Cancel = "CANCEL",
        Complete = "COMPLETE",
    }
}

impl Verb {
    /// The API method that applies this verb; `None` if only the suite applies it.
    #[must_use]
    pub fn method(self) -> Option<&'static str> {
        Some(match self {
            Self::Counter => "CounterPlan",
            Self::DeclineCounter => "DeclineCounterOffer",
            Self::Approve => "ApprovePlan",
            Self::AcceptCounter => "AcceptCounterOffer",
            Self::Refuse => "RefusePlan",
            Self::Withdraw => "WithdrawPlan",
            Self::Reinstate => "ReinstatePlan",
            Self::Cancel => "CancelPlan",
            Self::Send
            | Self::Lapse
            | Self::Miss
            | Self::CatchUp
            | Self::Breach
            | Self::UndoBreach
            | Self::Reopen
            | Self::Complete => {
                return None;
            }
        })
    }
}

/// The next state, if the verb is allowed in this state.
#[must_use]
pub fn target(from: PlanState, verb: Verb) -> Option<PlanState> {
    EDGES.iter().find(|edge| edge.0 == from && edge.1 == verb).map(|edge| edge.2)
}

/// The methods that a person may call in a state.
#[must_use]
pub fn allowed(from: PlanState) -> Vec<&'static str> {
    EDGES.iter().filter(|edge| edge.0 == from).filter_map(|edge| edge.1.method()).collect()
}

/// The machine as a Mermaid diagram; services/plans/README.md shows it.
#[must_use]
pub fn diagram() -> String {
    let mut text = "stateDiagram-v2\n  [*] --> PENDING\n".to_owned();
    for (from, verb, to) in EDGES {
        let _ = writeln!(text, "  {} --> {}: {}", from.name(), to.name(), verb.name());
    }
    for end in PlanState::ALL.into_iter().filter(|state| !EDGES.iter().any(|edge| edge.0 == *state))
    {
        let _ = writeln!(text, "  {} --> [*]", end.name());
    }
    text
}

#[cfg(test)]
#[path = "edges_tests.rs"]
mod tests;
