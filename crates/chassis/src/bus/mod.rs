//! Communication between services: events, copies of other services' rows, calls of peers.
#![expect(
    clippy::missing_errors_doc,
    reason = "every function fails as the database does; other errors are named"
)]

pub(crate) mod carrier;
pub(crate) mod checks;
pub mod copies;
pub(crate) mod event_log;
pub(crate) mod heads;
pub mod inbox;
pub(crate) mod log_head;
pub(crate) mod nats;
pub mod operations;
pub(crate) mod outbox;
pub mod peer_channel;
pub mod peers;
pub mod public_events;
pub(crate) mod queues;
pub mod relay;
pub mod rules;
pub mod run_due;
pub mod samples;
pub mod sealed;
mod sealed_tally;
pub mod shared;
pub mod snapshots;
pub mod steps;
pub(crate) mod versions;
