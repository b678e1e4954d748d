//! What passes between services: events, copies of what others own, calls to peers.

pub mod copies;
pub mod inbox;
pub mod operations;
pub mod peer_channel;
pub mod peers;
pub mod relay;
pub mod run_due;
pub mod snapshots;
pub(crate) mod versions;
