//! The other services, as plans reach them.

pub mod invoicing;
