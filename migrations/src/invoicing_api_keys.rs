//! API keys and their secrets.

use crate::ddl::{Guard, Step, Table};

/// Keys are a tenant's. A secret is looked up before anybody knows whose it is, so the table of
/// hashes is the service's; it says nothing but whose key it is.
pub const STEP: Step = Step {
    name: "invoicing_0025_api_keys",
    postgres: &[],
    statements: &[],
    tables: &[
        Table {
            name: "api_keys",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, display_name text NOT NULL, roles text NOT NULL, methods text NOT NULL, \
                      customer_id {uuid}, expires_at {time}, created_by text NOT NULL, last_used_at {time}, revoked_at {time}, \
                      version bigint NOT NULL, created_at {time} NOT NULL, updated_at {time} NOT NULL, PRIMARY KEY (tenant, id), \
                      FOREIGN KEY (tenant, customer_id) REFERENCES customers (tenant, id)",
            indexes: &[],
            guard: Guard::Tenant,
        },
        Table {
            name: "api_key_secrets",
            columns: "hash {bytes} PRIMARY KEY, tenant text NOT NULL, key_id {uuid} NOT NULL, last_four text NOT NULL, \
                      created_at {time} NOT NULL, ends_at {time}",
            indexes: &["CREATE INDEX api_key_secrets_of_key ON api_key_secrets (tenant, key_id)"],
            guard: Guard::System,
        },
    ],
};
