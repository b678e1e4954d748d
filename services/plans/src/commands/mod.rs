//! The inputs of use cases: references, commands and filters, as plain data.

pub mod customers;
pub mod plans;
pub mod settings;
