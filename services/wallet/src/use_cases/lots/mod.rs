//! Lots: granted, voided, expired, read.

pub mod expire;
pub mod grant;
pub mod read;
pub mod void;
