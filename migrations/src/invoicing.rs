//! The schema of the invoicing service.

use crate::system;
use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// All migrations of invoicing, in order.
#[derive(Debug)]
pub struct Invoicing;

impl MigratorTrait for Invoicing {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(system::STEP), Box::new(register::STEP)]
    }
}

/// The register of tenants, customers, test clocks.
mod register {
    use crate::ddl::{Guard, Step, Table};

    const TABLES: &[Table] = &[
        Table {
            name: "tenants",
            columns: "tenant text PRIMARY KEY, display_name text NOT NULL, country text NOT NULL, time_zone text NOT NULL, \
                      sandbox boolean NOT NULL, invoices_hidden boolean NOT NULL, suspended boolean NOT NULL, version bigint NOT NULL, \
                      created_at {time} NOT NULL, updated_at {time} NOT NULL",
            indexes: &[],
            guard: Guard::Tenant,
        },
        Table {
            name: "tax_rules",
            columns: "tenant text NOT NULL, country text NOT NULL, category text NOT NULL, with_tax_id boolean NOT NULL, \
                      rate_millionths bigint NOT NULL, sentence text NOT NULL, PRIMARY KEY (tenant, country, category, with_tax_id)",
            indexes: &[],
            guard: Guard::Tenant,
        },
        Table {
            name: "customers",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, legal_name text NOT NULL, address text NOT NULL, billing_email text NOT NULL, \
                      country text NOT NULL, tax_id text NOT NULL, tier text NOT NULL, locale text NOT NULL, tax_rate_millionths bigint, \
                      tax_sentence text NOT NULL, tax_version bigint NOT NULL, tax_valid_from {time}, version bigint NOT NULL, \
                      created_at {time} NOT NULL, updated_at {time} NOT NULL, PRIMARY KEY (tenant, id)",
            indexes: &["CREATE INDEX customers_by_country ON customers (tenant, country)"],
            guard: Guard::Tenant,
        },
        Table {
            name: "test_clocks",
            columns: "tenant text PRIMARY KEY, now_at {time} NOT NULL, target_at {time} NOT NULL, seed {bytes} NOT NULL, state text NOT NULL, \
                      run_id text NOT NULL, round bigint NOT NULL, stuck_rows text NOT NULL",
            indexes: &[],
            guard: Guard::Tenant,
        },
    ];

    pub const STEP: Step = Step { name: "invoicing_0001_register", postgres: &[], statements: &[], tables: TABLES };
}
