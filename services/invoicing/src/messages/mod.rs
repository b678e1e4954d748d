//! Both ways of each noun: requests of the contract → commands, with all violations of a request at
//! once, and domain → messages.
#![expect(
    clippy::missing_errors_doc,
    reason = "every function of requests refuses with all violations at once"
)]

pub mod addresses;
pub mod ageing;
pub mod api_keys;
pub mod approvals;
pub mod bank_lines;
pub mod bank_statements;
pub mod collections;
pub mod credit_notes;
pub mod customer_import;
pub mod customers;
pub mod discounts;
pub mod documents;
pub mod invoice_drafts;
pub mod invoice_lists;
pub mod invoice_versions;
pub mod invoices;
pub mod lists;
pub mod mail_templates;
pub mod mails;
pub mod metered_services;
pub mod outstanding;
pub mod payments;
pub mod receipt_versions;
pub mod receipts;
pub mod refs;
pub mod refunds;
pub mod statements;
pub mod tax_rules;
pub mod tenant_fields;
pub mod tenants;
pub mod test_clocks;
pub mod top_ups;
pub mod transfer_refunds;
pub mod webhook_endpoints;
