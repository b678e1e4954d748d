//! What the wallet does, a verb a file beneath its noun: lock, look the request up, let the domain decide, save, commit.
#![expect(clippy::missing_errors_doc, reason = "what only the database can cause is not said of each function")]

pub mod batch;
pub mod chargebacks;
pub mod charges;
pub mod customers;
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
pub mod settings;
pub mod setups;
pub mod top_ups;
pub mod usage;
pub mod wallets;
