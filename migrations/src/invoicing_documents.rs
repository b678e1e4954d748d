//! The step of invoicing's schema about documents: what a statement and a receipt say for good,
//! their later versions, and what customers are told of payments.

use crate::ddl::{Guard, Step, Table};

/// Statements from before have no parties of their own: they show the present ones.
pub const STEP: Step = Step {
    name: "invoicing_0012_documents",
    postgres: &[],
    statements: &[
        "ALTER TABLE tenants ADD COLUMN payment_notice text NOT NULL DEFAULT 'CONFIRMATION'",
        "ALTER TABLE statements ADD COLUMN seller text NOT NULL DEFAULT ''",
        "ALTER TABLE statements ADD COLUMN buyer text NOT NULL DEFAULT ''",
        "ALTER TABLE statements ADD COLUMN given_back bigint NOT NULL DEFAULT 0",
        "CREATE INDEX refunds_of_customer ON refunds (tenant, customer_id, created_at)",
        "ALTER TABLE receipts ADD COLUMN paid_invoices text NOT NULL DEFAULT ''",
    ],
    tables: &[Table {
        name: "receipt_versions",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, receipt_id {uuid} NOT NULL, customer_id {uuid} NOT NULL, version bigint NOT NULL, \
                  number text NOT NULL, issue_date text NOT NULL, seller text NOT NULL, buyer text NOT NULL, mentions text NOT NULL, \
                  reason text NOT NULL, created_at {time} NOT NULL, PRIMARY KEY (tenant, id), UNIQUE (tenant, receipt_id, version), \
                  FOREIGN KEY (tenant, receipt_id) REFERENCES receipts (tenant, id)",
        indexes: &[
            "CREATE INDEX receipt_versions_of_customer ON receipt_versions (tenant, customer_id, id)",
        ],
        guard: Guard::AppendOnly,
    }],
};
