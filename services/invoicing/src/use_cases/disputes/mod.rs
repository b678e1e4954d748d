//! Disputes of the wallet: what is open again, and what becomes of it.

pub mod follow;
mod payment;
mod top_up;
