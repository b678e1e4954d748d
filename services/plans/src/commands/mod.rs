//! What use cases are asked for: references, commands and filters, plain data with names.

pub mod customers;
pub mod plans;
pub mod settings;
