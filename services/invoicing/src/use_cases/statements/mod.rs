//! Monthly statements.

pub mod read;
pub mod turn_month;
