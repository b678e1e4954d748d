//! Top-ups: credit is sold by card, in a flow over the provider.
//!
//! Intent and lease in one transaction; then the charge, which is the point of no return and
//! happens once per key; then credit, events and answer in one transaction. What dies in between
//! is taken over: the provider is asked first, and never charged under another key.

pub mod charge;
pub mod create;
pub mod read;
pub mod save;
pub mod settle;
