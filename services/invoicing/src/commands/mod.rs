//! What use cases are asked for: references, commands and filters. Plain data, without parsing and
//! without I/O.

pub mod ageing;
pub mod api_keys;
pub mod approvals;
pub mod bank_lines;
pub mod collections;
pub mod credit_notes;
pub mod customers;
pub mod documents;
pub mod invoices;
pub mod lists;
pub mod mail_templates;
pub mod metered_services;
pub mod payments;
pub mod receipts;
pub mod refunds;
pub mod statements;
pub mod tenants;
pub mod test_clocks;
pub mod top_ups;
pub mod transfer_refunds;
pub mod webhook_endpoints;
