//! Reconciliations: what a payment provider lists is compared with the ledger, and each difference
//! is stored for a person.

mod examine;
mod payouts;
pub mod read;
pub mod reconcile;
pub mod reconcile_nightly;
pub mod save;
pub mod settle;
