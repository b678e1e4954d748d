//! Flows through the gateway, as a client sees them, on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod accounts;
mod bank;
mod bank_debits;
mod chargebacks;
mod clients;
mod clocks;
mod collections;
mod contract;
mod customers;
mod documents;
mod fees;
mod holds;
mod idempotency;
mod invariants;
mod invoices;
mod kills;
mod kills_of_payments;
mod mails;
mod metered;
mod months;
mod operations;
mod payments;
mod postpaid;
mod recharges;
mod refunds;
mod rig;
mod schemas;
mod settlements;
mod stories;
mod top_ups;
mod traces;
mod transfers;
mod usage;
mod versions;
mod wallets;
