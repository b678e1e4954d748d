//! Top-ups: credit is sold by card or bank debit, in a flow over the provider.
//!
//! The first transaction stores intent and lease. Then the provider charges, once per key; this is
//! the point of no return. The last transaction stores credit, events and answer. If a driver dies
//! in between, the recovery takes over: it asks the provider for the charge first, and never
//! charges under another key.

pub mod charge;
pub mod create;
pub mod read;
pub mod refund;
pub mod save;
pub mod settle;
