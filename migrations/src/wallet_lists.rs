//! What lists of the wallet over all customers of a tenant read.

use crate::ddl::Step;

const STATEMENTS: &[&str] = &["CREATE INDEX top_ups_by_state ON top_ups (tenant, state, id)"];

/// Top-ups by their state.
pub const STEP: Step =
    Step { name: "wallet_0008_lists", postgres: &[], statements: STATEMENTS, tables: &[] };

/// Usage of a tenant by its time, alone and of one product. SQLite has the first as the primary
/// key. Entries are found by their primary key, so that a debit writes nothing more.
pub const HISTORY: Step = Step {
    name: "wallet_0013_lists",
    postgres: &["CREATE INDEX usage_of_tenant ON usage_records (tenant, id)"],
    statements: &["CREATE INDEX usage_of_product ON usage_records (tenant, product, id)"],
    tables: &[],
};
