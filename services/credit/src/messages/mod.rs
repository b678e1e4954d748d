//! The contract, both ways: requests into commands, with all violations of a request at once; the
//! domain into messages.
#![expect(
    clippy::missing_errors_doc,
    reason = "a parse function refuses with all violations at once"
)]

pub mod advised_limits;
pub mod applications;
pub mod bank_files;
pub mod bank_links;
pub mod decisions;
pub mod draws;
mod features;
pub mod invoicing;
pub mod lines;
pub mod names;
pub mod plans;
pub mod policies;
mod policy_terms;
pub mod programmes;
pub mod purchases;
