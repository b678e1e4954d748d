//! Recurring fees: taken at their start, then each month by a due row; and the list of fees.

pub mod cancel;
pub mod create;
pub mod read;
pub mod save;
pub mod take;
