//! The rules of payment plans: what may be proposed, who answers, and how a plan lives and ends.
//!
//! Pure: no I/O, no clock. docs/domain/plans.md specifies these rules.
#![expect(
    clippy::missing_errors_doc,
    reason = "refusals are named where there are any; arithmetic fails only for amounts that no stored row can hold"
)]

pub mod answer;
pub mod collection;
pub mod edges;
pub mod grace;
pub mod life;
pub mod on_time;
pub mod plan;
pub mod proposal;
pub mod schedule;
pub mod settings;

pub use edges::{EDGES, Verb};
pub use payterms_kernel::{Actor, Side};
pub use plan::{Covered, DateRange, Offer, Plan, PlanState, Transition};
pub use schedule::{Instalment, Schedule};
pub use settings::{Consequence, Kind, PlanSettings};

/// Marks ids of customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Customer {}

/// Marks ids of invoices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invoice {}
