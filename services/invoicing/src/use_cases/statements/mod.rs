//! Monthly statements.

pub mod mail_month;
pub mod note_taken_back;
pub mod page;
pub mod read;
pub mod turn_month;
