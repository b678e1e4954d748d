//! Work that outlives a call: flows over several steps, jobs that fall due, tasks that run beside the calls.

pub(crate) mod background;
mod flows;
pub mod handler;
pub mod housekeeping;
pub mod jobs;

pub use flows::{Drivers, Flows, Lease, Leases, close, enqueue, hold};
