//! Notifications of payment providers.

pub mod receive;
