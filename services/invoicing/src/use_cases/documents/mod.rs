//! Documents as PDF.

pub mod download;
pub mod get;
pub mod load;
pub mod print;
