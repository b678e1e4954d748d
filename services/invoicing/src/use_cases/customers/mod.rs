//! Customers and their tax treatment.

pub mod create;
pub mod import;
pub mod read;
pub mod resolve_tax;
pub mod save;
pub mod update;
