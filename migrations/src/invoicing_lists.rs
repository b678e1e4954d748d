//! Steps of invoicing's schema for finding things: lists over all customers of a tenant, by what
//! people look for.

use crate::ddl::Step;

/// Each index ends in the id, by which a page goes on where the one before ended. A date that may
/// be missing is empty here, since the databases disagree about where NULL comes.
const STATEMENTS: &[&str] = &[
    "CREATE INDEX invoices_by_state ON invoices (tenant, state, id)",
    "CREATE INDEX invoices_by_due ON invoices (tenant, (coalesce(due_date, '')), id)",
    "CREATE INDEX invoices_by_issue ON invoices (tenant, (coalesce(issue_date, '')), id)",
    "CREATE INDEX invoices_by_total ON invoices (tenant, total, id)",
    // Few of many invoices are owed, blocked, or collected at present.
    "CREATE INDEX invoices_owing ON invoices (tenant, (coalesce(due_date, '')), id) WHERE state IN ('OPEN', 'UNCOLLECTIBLE')",
    "CREATE INDEX invoices_owing_by_customer ON invoices (tenant, customer_id, currency) WHERE state IN ('OPEN', 'UNCOLLECTIBLE')",
    // What was open on a past day, customer by customer.
    "CREATE INDEX receivables_of_customer ON receivables (tenant, customer_id, currency, invoice_id)",
    "CREATE INDEX invoices_by_block ON invoices (tenant, block_reason, id) WHERE block_reason <> ''",
    "CREATE INDEX invoices_by_collection ON invoices (tenant, collection_state, id) WHERE collection_state <> 'OFF'",
    "CREATE INDEX payments_by_day ON payments (tenant, (coalesce(effective_on, '')), id)",
    "CREATE INDEX payments_by_state ON payments (tenant, state, id)",
    "CREATE INDEX credit_notes_by_day ON credit_notes (tenant, issue_date, id)",
    "CREATE INDEX receipts_by_day ON receipts (tenant, issue_date, id)",
];

/// What lists over all customers read.
pub const STEP: Step =
    Step { name: "invoicing_0011_lists", postgres: &[], statements: STATEMENTS, tables: &[] };
