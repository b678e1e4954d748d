//! What use cases are asked for: references, commands and filters, plain data with names.

pub mod advised_limits;
pub mod applications;
pub mod bank_files;
pub mod customers;
pub mod draws;
pub mod invoices;
pub mod lines;
pub mod policies;
pub mod programmes;
pub mod purchases;
