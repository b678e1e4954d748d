//! The rules of deferred payment: who may have a line, what may be drawn on it, when it rests.
//!
//! Pure: no I/O, no clock. docs/domain.md is the law.

pub mod draw;
pub mod edges;
pub mod life;
pub mod line;
pub mod programme;

pub use draw::{Draw, DrawState};
pub use edges::{EDGES, Verb};
pub use line::{Line, LineState, Suspension, Taken};
pub use programme::{Customer, Programme, ProgrammeState};

#[cfg(test)]
mod line_model_tests;

/// Marks ids of invoices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invoice {}
