//! Holds: authorised, captured and voided in batches, expired by a due row, read.

pub mod authorize;
pub mod capture;
pub mod expire;
pub mod read;
pub mod void;
