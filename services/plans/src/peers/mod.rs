//! Clients of the other services.

pub mod invoicing;
