//! Receipts of top-ups.

pub mod issue;
pub mod read;
