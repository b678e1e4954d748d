//! A payment's steps in the wallet: reserve, give back, settle, book a transfer, refund.
//!
//! Each answers the same for the same request id. A payment has one hold at most; a release leaves its mark even where
//! nothing was held, so that a hold which comes late is refused.

pub mod hold;
pub mod load;
pub mod read;
pub mod record_transfer;
pub mod refund;
pub mod release;
pub mod return_transfer;
pub mod save;
pub mod settle;
