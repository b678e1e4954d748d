//! The schemas: one module per service, each on top of the system tables of the chassis.
//!
//! A table is written once, for both databases ([`ddl`]). On PostgreSQL each service has a schema
//! and a runtime role of its own, and row-level security is forced on every table of tenants.

pub mod command;
pub mod credit;
pub mod ddl;
mod external_ids;
pub mod indexes;
pub mod invoicing;
mod invoicing_api_keys;
mod invoicing_bank;
mod invoicing_billing;
mod invoicing_documents;
mod invoicing_lists;
mod invoicing_payments;
mod invoicing_tax;
pub mod plans;
mod roles;
pub mod run;
pub mod system;
pub mod wallet;
mod wallet_credit;
mod wallet_lists;
mod wallet_payouts;
mod wallet_reconciliation;
mod wallet_routes;
mod wallet_settlements;
pub mod wallet_single_call;
mod wallet_stripe;

pub use run::{Schema, migrate_postgres, migrate_sqlite};

/// The services that have a schema.
pub const SERVICES: [&str; 4] = ["wallet", "invoicing", "credit", "plans"];
