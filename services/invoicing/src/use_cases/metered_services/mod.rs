//! Metered services and their status, which follows their invoices.

pub mod disable;
pub mod enable;
pub mod evaluate;
pub mod read;
pub mod save;
pub mod suspend;
