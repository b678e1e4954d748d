//! The tables, each with its queries; every finder takes the tenant.

pub mod applications;
pub mod bank_links;
pub mod customers;
pub mod draws;
pub mod entries;
pub mod history;
pub mod known;
pub mod lines;
pub mod payments;
pub mod policies;
pub mod programmes;
pub mod purchases;
