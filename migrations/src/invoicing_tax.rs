//! Steps of invoicing's schema about what drafts come to: discounts.

/// Discounts of lines and of whole drafts. An invoice may come to nothing.
pub mod discounts {
    use crate::ddl::{CheckStep, Step};

    const STATEMENTS: &[&str] = &[
        "ALTER TABLE invoices ADD COLUMN discount_millionths bigint",
        "ALTER TABLE invoices ADD COLUMN discount_amount bigint",
        "ALTER TABLE invoices ADD COLUMN discount_description text NOT NULL DEFAULT ''",
        "ALTER TABLE invoice_lines ADD COLUMN discount_millionths bigint",
        "ALTER TABLE invoice_lines ADD COLUMN discount_amount bigint",
        "ALTER TABLE invoice_lines ADD COLUMN discount_description text NOT NULL DEFAULT ''",
        "ALTER TABLE invoice_lines ADD COLUMN is_invoice_discount boolean NOT NULL DEFAULT false",
    ];

    pub const STEP: CheckStep = CheckStep {
        step: Step { name: "invoicing_0009_discounts", postgres: &[], statements: STATEMENTS, tables: &[] },
        table: "invoices",
        constraint: "invoices_total_check",
        before: "total > 0",
        after: "total >= 0",
    };
}
