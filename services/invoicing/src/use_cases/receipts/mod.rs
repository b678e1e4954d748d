//! Receipts of top-ups.

pub mod credit;
pub mod issue;
pub mod read;
