//! Lots: granted, voided, expired, told of before that, read.

pub mod announce_expiry;
pub mod expire;
pub mod grant;
pub mod read;
pub mod void;
