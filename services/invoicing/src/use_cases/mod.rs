//! One verb a file, in a folder for each noun: lock, look the request up, let the domain decide,
//! save, commit.
#![expect(
    clippy::missing_errors_doc,
    reason = "every function may fail as the database does; what else it refuses is named"
)]

pub mod api_keys;
pub mod approvals;
pub mod bank_lines;
pub mod collections;
pub mod credit_notes;
pub mod customers;
pub mod deferrals;
pub mod disputes;
pub mod documents;
pub mod invoices;
pub mod mail_templates;
pub mod mails;
pub mod metered_services;
pub mod payments;
pub mod plans;
pub mod receipts;
pub mod refunds;
pub mod reminders;
pub mod statements;
pub mod tenants;
pub mod test_clocks;
pub mod top_ups;
pub mod transfer_refunds;
pub mod webhook_endpoints;
