//! Customers and their tax treatment.

pub mod check_tax_number;
pub mod create;
pub mod import;
pub mod read;
pub mod resolve_tax;
pub mod save;
pub mod update;
pub mod verify_tax_number;
