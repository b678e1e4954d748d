//! Receipts of top-ups.

pub mod correct;
pub mod credit;
pub mod issue;
pub mod read;
