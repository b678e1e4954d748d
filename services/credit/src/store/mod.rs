//! The tables, each with its queries; every finder takes the tenant.
#![expect(
    clippy::missing_errors_doc,
    reason = "a store fails as the database fails, or on a row that it did not write"
)]

pub mod advised_limits;
pub mod applications;
pub mod bank_file_parts;
pub mod bank_files;
pub mod bank_links;
pub mod customers;
pub mod decisions;
pub mod draw_entries;
pub mod draws;
pub mod ended_payments;
pub mod figures;
mod json;
pub mod line_history;
pub mod lines;
pub mod payment_history;
pub mod policies;
pub mod programmes;
mod purchase_column;
pub mod rules;
pub mod shared;
pub mod tax_rules;

use payterms_chassis::rows::Column;

/// The tables that are written by rows, and all their columns.
pub const TABLES: [(&str, &[Column]); 3] = [
    (lines::Model::TABLE, &lines::Model::COLUMNS),
    (draws::Model::TABLE, &draws::Model::COLUMNS),
    (draw_entries::Row::TABLE, &draw_entries::Row::COLUMNS),
];
