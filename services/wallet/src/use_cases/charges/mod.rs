//! Charges of payments: made in a flow over the provider, settled when they took their time, read.

pub mod charge_once;
pub mod create;
pub mod load;
pub mod read;
pub mod save;
pub mod settle;
