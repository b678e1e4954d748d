//! Webhooks: each service delivers its own public events to the endpoints of tenants, by Standard
//! Webhooks, as CloudEvents in JSON.
//!
//! The register's owner publishes its endpoints, and every service holds a copy (`targets`). A
//! background task turns rows of the outbox into deliveries (`fan_out`) and sends those that are
//! due (`deliver`). A request is never sent within a transaction: the delivery is claimed for a
//! while, sent, and its result written. A process that dies in between leaves a claim that lapses,
//! and the delivery is sent again; receivers know it by its id.
#![expect(
    clippy::missing_errors_doc,
    reason = "every function fails as the database does; other errors are named"
)]

pub(crate) mod claims;
pub(crate) mod deliver;
mod envelope;
pub(crate) mod fan_out;
mod lanes;
pub(crate) mod log;
mod replays;
mod sender;
pub mod signature;
pub mod targets;
pub mod verdict;

pub use deliver::{OnFailure, Webhooks};
pub use signature::Secret;
