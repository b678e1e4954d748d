//! Steps of invoicing's schema about what invoices come to: discounts, tax numbers.

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
        step: Step {
            name: "invoicing_0009_discounts",
            postgres: &[],
            statements: STATEMENTS,
            tables: &[],
        },
        table: "invoices",
        constraint: "invoices_total_check",
        before: "total > 0",
        after: "total >= 0",
    };
}

/// What is known of customers' tax numbers. Of those that are there nobody has looked at any: their
/// customers' tax is resolved anew, country by country, which other services hear of. Issued
/// documents keep their tax.
pub mod tax_numbers {
    use crate::ddl::{DataStep, Step};

    const STATEMENTS: &[&str] = &[
        "ALTER TABLE customers ADD COLUMN tax_number text NOT NULL DEFAULT ''",
        "INSERT INTO due (tenant, job, subject, due_at, ordinal) SELECT DISTINCT tenant, 'resolve_tax', \
         country || '/00000000-0000-0000-0000-000000000000', CAST('2000-01-01T00:00:00+00:00' AS {time}), 0 \
         FROM customers WHERE tax_id <> '' ON CONFLICT (tenant, job, subject) DO NOTHING",
    ];

    pub const STEP: DataStep = DataStep {
        step: Step {
            name: "invoicing_0010_tax_numbers",
            postgres: &[],
            statements: STATEMENTS,
            tables: &[],
        },
        unguarded: &["customers", "due"],
    };
}
