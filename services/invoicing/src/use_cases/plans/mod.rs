//! Payment plans, as their service tells of them.

pub mod follow;
pub mod outlook;
