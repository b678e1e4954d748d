//! Monthly statements.

pub mod mail_month;
pub mod page;
pub mod read;
pub mod turn_month;
