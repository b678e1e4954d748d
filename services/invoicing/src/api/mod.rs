//! The gRPC methods: parse, run the use case, answer.

mod api_keys;
mod approvals;
mod bank_lines;
mod collections;
mod customers;
mod documents;
mod invoices;
mod mails;
mod metered_services;
mod payments;
mod receipts;
mod refunds;
mod statements;
mod tenants;
mod test_clocks;
mod top_ups;
mod transfer_refunds;
mod webhook_endpoints;

use crate::app::App;

/// Serves all methods of invoicing.
#[derive(Debug, Clone)]
pub struct Api {
    /// What the use cases work with.
    pub app: App,
}
