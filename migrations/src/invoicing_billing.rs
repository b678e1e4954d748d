//! Collections, refunds and disputes of invoices: what grew after the first schema.

use crate::ddl::Step;

/// Another collection method is tried once.
pub const NEW_METHODS: Step = Step {
    name: "invoicing_0013_new_methods",
    postgres: &[],
    statements: &[
        "ALTER TABLE invoices ADD COLUMN next_try_is_last boolean NOT NULL DEFAULT false",
        "CREATE INDEX invoices_stopped ON invoices (tenant, customer_id, id) \
         WHERE state = 'OPEN' AND collection_state IN ('FAILED', 'REQUIRES_ACTION')",
    ],
    tables: &[],
};
