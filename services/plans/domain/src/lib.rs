//! The rules of payment plans: what may be proposed, who answers, and how a plan lives and ends.
//!
//! Pure: no I/O, no clock. docs/domain/plans.md is the law.

pub mod answer;
pub mod collection;
pub mod edges;
pub mod life;
pub mod plan;
pub mod proposal;
pub mod schedule;
pub mod settings;

pub use edges::{EDGES, Verb};
pub use payterms_kernel::{Actor, Side};
pub use plan::{Covered, Offer, Plan, PlanState, Taken};
pub use schedule::{Instalment, Schedule};
pub use settings::{Consequence, Kind, PlanSettings};

/// Marks ids of customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Customer {}

/// Marks ids of invoices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invoice {}
