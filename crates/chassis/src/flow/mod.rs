//! Work that outlives a call: flows of several steps, jobs that fall due, background tasks.
#![expect(
    clippy::missing_errors_doc,
    reason = "every function fails as the database does; other errors are named"
)]

pub(crate) mod background;
mod flows;
pub mod handler;
pub mod housekeeping;
pub mod jobs;
mod leases;
mod wake;
pub mod zones;

pub use flows::{Drivers, Flows, enqueue};
pub use leases::{Lease, Leases, close, hold};
pub use wake::wake_if_open;
