//! The other services, as credit reaches them.

pub mod wallet;
