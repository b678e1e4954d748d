//! One verb a file: lock, look the request up, let the domain decide, save, commit.

pub mod advance_test_clock;
pub mod announced;
pub mod approvals;
pub mod bank_lines;
pub mod bill_metered;
pub mod bill_usage;
pub mod block_invoice;
pub mod chargeback;
pub mod collect_for_owner;
pub mod collect_invoice;
pub mod correct_invoice;
pub mod create_customer;
pub mod create_invoice;
pub mod create_payment;
pub mod create_tenant;
pub mod documents;
pub mod finalize_invoice;
pub mod import_customers;
pub mod issue_receipt;
pub mod mails;
pub mod metered_services;
pub mod notices;
pub mod notices_of_plans;
pub mod payment_steps;
pub mod read;
pub mod read_invoices;
pub mod read_payments;
pub mod read_receipts;
pub mod read_statements;
pub mod refund;
pub mod remind;
pub mod resolve_tax;
pub mod send_mail;
pub mod start_test_clock;
pub mod take_back_invoice;
pub mod transfer_top_up;
pub mod turn_month;
pub mod update_customer;
pub mod update_tenant;
pub mod write_mail;

use payterms_chassis::AppError;
use payterms_kernel::{Kind, Refusal};

/// Refuses a change of another version than the one that was read.
fn check_etag(given: &str, present: i64) -> Result<(), AppError> {
    if given.is_empty() || given == crate::render::etag(present) {
        return Ok(());
    }
    let message = "The resource has changed since it was read. Read it again and retry.";
    Err(Refusal::new(Kind::Conflict, "ETAG_MISMATCH", message).into())
}
