//! Reminders of open invoices.

pub mod plan;
pub mod send;
