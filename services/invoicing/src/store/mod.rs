//! Invoicing's tables: SeaORM entities and their queries. Models stop here; every finder takes
//! the tenant.
#![expect(
    clippy::missing_errors_doc,
    reason = "every query fails as the database does; what else one refuses is named"
)]

pub mod ageing;
pub mod api_keys;
pub mod approvals;
pub mod bank_bookings;
pub mod bank_imports;
pub mod bank_lines;
pub mod bank_returns;
pub mod collection_methods;
pub mod collection_waits;
pub mod credit_notes;
pub mod customers;
pub mod disputes;
pub mod figures;
pub mod invoice_lists;
pub mod invoice_parts;
pub mod invoices;
pub mod mails;
pub mod metered;
pub mod method_copies;
pub mod outstanding;
mod parties;
mod payment_allocations;
pub mod payment_lists;
mod payment_tenders;
pub mod payments;
pub mod plan_copies;
pub mod plan_periods;
pub mod receipt_credit_notes;
pub mod receipt_versions;
pub mod receipts;
pub mod receivables;
pub mod refunds;
pub mod rules;
pub mod series;
pub mod shared;
pub mod statements;
pub mod taken_back;
pub mod tenants;
pub mod test_clocks;
pub mod top_ups;
pub mod transfer_refund_lists;
pub mod transfer_refunds;
pub mod versions;
pub mod waiting_refunds;
pub mod webhook_endpoints;

use payterms_chassis::AppError;
pub(crate) use payterms_chassis::columns::{currency, date, unknown};
use rust_decimal::{Decimal, prelude::ToPrimitive};

/// A rate in percent or a quantity, as columns hold it.
pub(crate) fn millionths(rate: Decimal) -> i64 {
    rate.checked_mul(Decimal::from(1_000_000)).and_then(|rate| rate.to_i64()).unwrap_or_default()
}

/// A rate in percent or a quantity of a column.
pub(crate) fn decimal(millionths: i64) -> Decimal {
    Decimal::new(millionths, 6).normalize()
}

/// Small numbers as a column holds them: apart by blanks.
pub(crate) fn numbers_text(numbers: &[i16]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Small numbers of a column.
pub(crate) fn numbers(text: &str) -> Result<Vec<i16>, AppError> {
    text.split_whitespace()
        .map(|number| number.parse().map_err(|_| unknown("number", number)))
        .collect()
}
