//! Metered services of invoicing: followed, and closed at each month's end.

pub mod close;
pub mod follow;
