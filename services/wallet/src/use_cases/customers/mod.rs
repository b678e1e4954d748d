//! Customers of invoicing, of which the wallet has a copy.

pub mod follow;
