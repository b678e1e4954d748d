//! The use cases, one file for each verb in the folder of its noun: lock, look the request up,
//! decide, save, commit.
#![expect(
    clippy::missing_errors_doc,
    reason = "every function may fail as the database does; refusals are named"
)]

pub mod batch;
pub mod charges;
pub mod customers;
pub mod disputes;
pub mod fees;
pub mod holds;
pub mod lots;
pub mod metered;
pub mod methods;
pub mod months;
pub mod notifications;
pub mod payments;
pub mod postings;
pub mod postpaid;
pub mod recharges;
pub mod reconciliations;
pub mod reversals;
pub mod revocations;
pub mod settings;
pub mod setups;
pub mod top_ups;
pub mod transfer_refunds;
pub mod usage;
pub mod wallets;
