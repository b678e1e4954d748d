//! The rules of deferred payment: who may have a line, what may be drawn on it, when it rests.
//!
//! Pure: no I/O, no clock. docs/domain/credit.md is the law.
#![expect(
    clippy::missing_errors_doc,
    reason = "refusals are named where there are any; arithmetic fails only for amounts that no stored row can hold"
)]

pub mod advised;
pub mod application;
pub mod application_state;
pub mod attachment;
pub mod bank;
pub mod decision;
pub mod draw;
pub mod edges;
pub mod feature;
pub mod life;
pub mod line;
pub mod link;
pub mod policy;
pub mod programme;
pub mod purchase;
pub mod standard;

pub use advised::{AdvisedLimit, AdvisedState};
pub use application::Application;
pub use application_state::ApplicationState;
pub use attachment::{AttachmentFormat, FileKind};
pub use decision::{Advice, Decided, Outcome};
pub use draw::{Draw, DrawState};
pub use edges::{EDGES, Verb};
pub use feature::{Feature, Features};
pub use line::{Line, LineState, Suspension, Taken};
pub use link::{BankLink, LinkState};
pub use policy::{Policy, PolicyState};
pub use programme::{Customer, Programme, ProgrammeState};
pub use purchase::Purchase;

#[cfg(test)]
mod line_model_tests;
#[cfg(test)]
mod line_tests;
#[cfg(test)]
mod purchase_tests;
#[cfg(test)]
mod underwriting_tests;

/// Marks ids of invoices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invoice {}
