//! The tenant's own ids and labels of resources, and lists by the last change (docs/lists.md).

use crate::ddl::{Guard, Step, Table};

/// Few resources have an own id: the index holds those alone.
pub const INVOICING: Step = Step {
    name: "invoicing_0027_external_ids",
    postgres: &[],
    statements: &[
        "ALTER TABLE customers ADD COLUMN external_id text",
        "ALTER TABLE customers ADD COLUMN labels text NOT NULL DEFAULT '{}'",
        "CREATE UNIQUE INDEX customers_external_id ON customers (tenant, external_id) WHERE external_id IS NOT NULL",
        "CREATE INDEX customers_by_update ON customers (tenant, updated_at, id)",
        "ALTER TABLE invoices ADD COLUMN external_id text",
        "ALTER TABLE invoices ADD COLUMN labels text NOT NULL DEFAULT '{}'",
        "CREATE UNIQUE INDEX invoices_external_id ON invoices (tenant, external_id) WHERE external_id IS NOT NULL",
        "CREATE INDEX invoices_by_update ON invoices (tenant, updated_at, id)",
        "ALTER TABLE payments ADD COLUMN external_id text",
        "ALTER TABLE payments ADD COLUMN labels text NOT NULL DEFAULT '{}'",
        "CREATE UNIQUE INDEX payments_external_id ON payments (tenant, external_id) WHERE external_id IS NOT NULL",
        "CREATE INDEX payments_by_update ON payments (tenant, updated_at, id)",
    ],
    tables: &[],
};

/// Uses are many, and few have an own id: it stands apart, so that recording the others writes
/// nothing more.
const USES: &[Table] = &[Table {
    name: "usage_external_ids",
    columns: "tenant text NOT NULL, external_id text NOT NULL, wallet_id {uuid} NOT NULL, record_id {uuid} NOT NULL, \
              PRIMARY KEY (tenant, external_id), UNIQUE (tenant, record_id)",
    indexes: &[],
    guard: Guard::AppendOnly,
}];

/// The row of a wallet changes with every debit, so the instant of that is in no index.
pub const WALLET: Step = Step {
    name: "wallet_0024_external_ids",
    postgres: &[],
    statements: &[
        "ALTER TABLE wallets ADD COLUMN external_id text",
        "ALTER TABLE wallets ADD COLUMN labels text NOT NULL DEFAULT '{}'",
        "CREATE UNIQUE INDEX wallets_external_id ON wallets (tenant, external_id) WHERE external_id IS NOT NULL",
        "ALTER TABLE top_ups ADD COLUMN external_id text",
        "ALTER TABLE top_ups ADD COLUMN labels text NOT NULL DEFAULT '{}'",
        "CREATE UNIQUE INDEX top_ups_external_id ON top_ups (tenant, external_id) WHERE external_id IS NOT NULL",
        "CREATE INDEX top_ups_by_update ON top_ups (tenant, updated_at, id)",
    ],
    tables: USES,
};

/// The own ids of applications.
pub const CREDIT: Step = Step {
    name: "credit_0024_external_ids",
    postgres: &[],
    statements: &[
        "ALTER TABLE applications ADD COLUMN external_id text",
        "ALTER TABLE applications ADD COLUMN labels text NOT NULL DEFAULT '{}'",
        "CREATE UNIQUE INDEX applications_external_id ON applications (tenant, external_id) WHERE external_id IS NOT NULL",
        "CREATE INDEX applications_by_update ON applications (tenant, updated_at, id)",
    ],
    tables: &[],
};

/// The own ids of plans.
pub const PLANS: Step = Step {
    name: "plans_0024_external_ids",
    postgres: &[],
    statements: &[
        "ALTER TABLE plans ADD COLUMN external_id text",
        "ALTER TABLE plans ADD COLUMN labels text NOT NULL DEFAULT '{}'",
        "CREATE UNIQUE INDEX plans_external_id ON plans (tenant, external_id) WHERE external_id IS NOT NULL",
        "CREATE INDEX plans_by_update ON plans (tenant, updated_at, id)",
    ],
    tables: &[],
};
