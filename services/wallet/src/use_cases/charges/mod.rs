//! Charges of payments: made in a flow over the provider, settled later if the provider is slow,
//! read.

pub mod ask_again;
pub mod charge_once;
pub mod create;
pub mod load;
pub mod read;
pub mod save;
pub mod settle;
