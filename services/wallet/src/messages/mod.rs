//! Conversions between the contract and the commands, one file for each noun. A function with the
//! name of an RPC parses its request and reports all violations at once; a function with the name
//! of a message renders it.
#![expect(
    clippy::missing_errors_doc,
    reason = "parsing refuses with all violations at once, rendering fails for amounts that no column could hold"
)]

pub mod charges;
pub mod disputes;
pub mod fees;
pub mod holds;
pub mod lots;
pub mod methods;
mod names;
pub mod notifications;
pub mod payments;
pub mod postings;
pub mod postpaid;
pub mod provider_payouts;
pub mod recharges;
pub mod reconciliations;
pub mod reversals;
pub mod revocations;
pub mod settings;
pub mod setups;
pub mod top_up_refunds;
pub mod top_ups;
pub mod transfer_refunds;
pub mod usage;
pub mod wallets;
