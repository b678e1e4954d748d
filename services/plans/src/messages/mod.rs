//! The contract, both ways: requests into commands, with all violations of a request at once; the domain into messages.
#![expect(clippy::missing_errors_doc, reason = "a parse function refuses with all violations at once")]

pub mod invoicing;
pub mod names;
pub mod plans;
mod schedules;
pub mod settings;
