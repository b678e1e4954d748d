//! The tables, each with its queries. Every query filters by tenant, so that no tenant reads
//! another's rows.
#![expect(
    clippy::missing_errors_doc,
    reason = "a store fails as the database fails, or on a row that it did not write"
)]

pub mod collection_waits;
pub mod covered_invoices;
pub mod figures;
pub mod offers;
pub mod plan_history;
pub mod plan_lists;
pub mod plan_settings;
pub mod plans;
pub mod rules;
