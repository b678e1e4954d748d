//! Converts requests to commands, reporting all violations of a request at once, and domain values
//! to messages.
#![expect(
    clippy::missing_errors_doc,
    reason = "a parse function refuses with all violations at once"
)]

pub mod answers;
pub mod invoicing;
pub mod names;
pub mod plan_history;
pub mod plans;
mod schedules;
pub mod settings;
