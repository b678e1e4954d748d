//! A payment's steps in the wallet: hold, release, settle, book a bank transfer, refund.
//!
//! Each gives the same answer for the same request id. A payment has at most one hold. A release
//! stores a marker even if nothing was held, so that a hold that arrives late is refused.

pub mod hold;
pub mod load;
pub mod read;
pub mod record_transfer;
pub mod refund;
pub mod release;
pub mod return_transfer;
pub mod save;
pub mod settle;
