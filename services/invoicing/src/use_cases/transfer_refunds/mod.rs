//! Transfers of credit back to the accounts that it came from.

pub mod came_back;
pub mod confirm;
pub mod end;
pub mod pair;
pub mod read;
pub mod refund;
pub mod save;
