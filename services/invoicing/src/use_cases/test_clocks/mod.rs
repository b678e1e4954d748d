//! Test clocks of sandbox tenants.

pub mod advance;
pub mod read;
pub mod start;
