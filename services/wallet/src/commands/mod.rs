//! The input of use cases: references, commands and filters, already validated. Plain data, one
//! file for each noun.

pub mod batch;
pub mod customers;
pub mod disputes;
pub mod fees;
pub mod holds;
pub mod lots;
pub mod methods;
pub mod notifications;
pub mod payments;
pub mod postings;
pub mod postpaid;
pub mod recharges;
pub mod reconciliations;
pub mod reversals;
pub mod revocations;
pub mod settings;
pub mod top_ups;
pub mod transfer_refunds;
pub mod wallets;
