//! The schema of the invoicing service.

use crate::{
    ddl::{SchemaStep, Step},
    invoicing_bank::{bank, days},
    invoicing_billing as billing, invoicing_lists, invoicing_payments as payments,
    invoicing_tax::{discounts, tax_numbers},
    system,
};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// All migrations of invoicing, in order.
#[derive(Debug)]
pub struct Invoicing;

/// The tenant's calendar never goes back.
const ZONES: Step = Step {
    name: "invoicing_0017_zones",
    postgres: &[],
    statements: &[system::DAY_REACHED],
    tables: &[],
};

impl MigratorTrait for Invoicing {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        Self::steps().into_iter().map(|step| step as Box<dyn MigrationTrait>).collect()
    }
}

impl Invoicing {
    /// The steps, in order.
    #[must_use]
    pub fn steps() -> Vec<Box<dyn SchemaStep>> {
        vec![
            Box::new(system::STEP),
            Box::new(register::STEP),
            Box::new(invoices::STEP),
            Box::new(system::CLOCKS),
            Box::new(payments::STEP),
            Box::new(system::FEWER_INDEXES),
            Box::new(system::GUARDED),
            Box::new(bank::STEP),
            Box::new(bank::IDENTITY),
            Box::new(bank::RETURNS),
            Box::new(days::STEP),
            Box::new(bank::DETAILS),
            Box::new(billing::NEW_METHODS),
            Box::new(billing::RECEIPT_CREDIT_NOTES),
            Box::new(invoicing_lists::STEP),
            Box::new(discounts::STEP),
            Box::new(tax_numbers::STEP),
            Box::new(crate::invoicing_documents::STEP),
            Box::new(billing::PERIODS),
            Box::new(billing::DISPUTES),
            Box::new(ZONES),
            Box::new(billing::TRANSFERS_BACK),
            Box::new(billing::EXPIRY_NOTICES),
            Box::new(billing::STATEMENT_DAYS),
            Box::new(system::event_log("invoicing_0020_events")),
            Box::new(billing::TRANSFERS_SENT_BACK),
            Box::new(billing::STANDING_RECEIPTS),
            Box::new(system::webhooks("invoicing_0023_webhooks")),
            Box::new(webhook_endpoints::STEP),
            Box::new(crate::invoicing_api_keys::STEP),
            Box::new(billing::WAITING_REFUNDS),
            Box::new(crate::external_ids::INVOICING),
            Box::new(billing::PLANS_AND_METHODS),
            Box::new(billing::METHODS_BEFORE),
            Box::new(register::CALL_LIMITS),
            Box::new(billing::MAIL_TRACES),
            Box::new(billing::CLOSED_ON),
            Box::new(billing::COLLECTION_WAITS),
        ]
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

    pub const STEP: Step =
        Step { name: "invoicing_0001_register", postgres: &[], statements: &[], tables: TABLES };

    /// How many calls a second a tenant's callers may make.
    pub const CALL_LIMITS: Step = Step {
        name: "invoicing_0030_call_limits",
        postgres: &[],
        statements: &[
            "ALTER TABLE tenants ADD COLUMN caller_calls_per_second bigint",
            "ALTER TABLE tenants ADD COLUMN customer_calls_per_second bigint",
            "ALTER TABLE tenants ADD COLUMN tenant_calls_per_second bigint",
        ],
        tables: &[],
    };
}

/// Invoices, credit notes and their numbers.
mod invoices {
    use crate::ddl::{Guard, Step, Table};

    const TABLES: &[Table] = &[
        Table {
            name: "invoices",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, customer_id {uuid} NOT NULL, state text NOT NULL, currency text NOT NULL, \
                      prices_include_tax boolean NOT NULL, term_kind text NOT NULL, term_days bigint NOT NULL, supply_date text, memo text NOT NULL, \
                      number text, issue_date text, due_date text, seller text NOT NULL, buyer text NOT NULL, net bigint NOT NULL, \
                      total bigint NOT NULL CHECK (total > 0), paid bigint NOT NULL, credited bigint NOT NULL, written_off bigint NOT NULL, \
                      pending bigint NOT NULL, version bigint NOT NULL, created_at {time} NOT NULL, updated_at {time} NOT NULL, \
                      PRIMARY KEY (tenant, id), UNIQUE (tenant, number), \
                      CHECK (paid >= 0 AND credited >= 0 AND written_off >= 0 AND pending >= 0), \
                      CHECK (paid + credited + written_off + pending <= total), \
                      FOREIGN KEY (tenant, customer_id) REFERENCES customers (tenant, id)",
            indexes: &["CREATE INDEX invoices_of_customer ON invoices (tenant, customer_id, id)"],
            guard: Guard::Tenant,
        },
        Table {
            name: "invoice_lines",
            columns: "tenant text NOT NULL, invoice_id {uuid} NOT NULL, place bigint NOT NULL, description text NOT NULL, \
                      quantity_millionths bigint NOT NULL, unit_price bigint NOT NULL, currency text NOT NULL, tax_category text NOT NULL, \
                      PRIMARY KEY (tenant, invoice_id, place), FOREIGN KEY (tenant, invoice_id) REFERENCES invoices (tenant, id)",
            indexes: &[],
            guard: Guard::Tenant,
        },
        Table {
            name: "invoice_taxes",
            columns: "tenant text NOT NULL, invoice_id {uuid} NOT NULL, place bigint NOT NULL, rate_millionths bigint NOT NULL, \
                      sentence text NOT NULL, net bigint NOT NULL, tax bigint NOT NULL, credited_net bigint NOT NULL, \
                      credited_tax bigint NOT NULL, currency text NOT NULL, PRIMARY KEY (tenant, invoice_id, place), \
                      CHECK (credited_net <= net AND credited_tax <= tax), \
                      FOREIGN KEY (tenant, invoice_id) REFERENCES invoices (tenant, id)",
            indexes: &[],
            guard: Guard::Tenant,
        },
        Table {
            name: "credit_notes",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, invoice_id {uuid} NOT NULL, number text NOT NULL, issue_date text NOT NULL, \
                      amount bigint NOT NULL CHECK (amount > 0), currency text NOT NULL, reason text NOT NULL, created_at {time} NOT NULL, \
                      PRIMARY KEY (tenant, id), UNIQUE (tenant, number), FOREIGN KEY (tenant, invoice_id) REFERENCES invoices (tenant, id)",
            indexes: &[
                "CREATE INDEX credit_notes_of_invoice ON credit_notes (tenant, invoice_id, id)",
            ],
            guard: Guard::AppendOnly,
        },
        Table {
            name: "credit_note_taxes",
            columns: "tenant text NOT NULL, credit_note_id {uuid} NOT NULL, place bigint NOT NULL, rate_millionths bigint NOT NULL, \
                      sentence text NOT NULL, net bigint NOT NULL, tax bigint NOT NULL, currency text NOT NULL, \
                      PRIMARY KEY (tenant, credit_note_id, place), \
                      FOREIGN KEY (tenant, credit_note_id) REFERENCES credit_notes (tenant, id)",
            indexes: &[],
            guard: Guard::AppendOnly,
        },
        Table {
            name: "number_series",
            columns: "tenant text NOT NULL, prefix text NOT NULL, year bigint NOT NULL, last_number bigint NOT NULL, last_date text NOT NULL, \
                      PRIMARY KEY (tenant, prefix)",
            indexes: &[],
            guard: Guard::Tenant,
        },
    ];

    pub const STEP: Step =
        Step { name: "invoicing_0002_invoices", postgres: &[], statements: &[], tables: TABLES };
}

/// The endpoints of webhooks, as tenants keep them.
mod webhook_endpoints {
    use crate::ddl::{Guard, Step, Table};

    const TABLES: &[Table] = &[Table {
        name: "webhook_endpoints",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, url text NOT NULL, types text NOT NULL, description text NOT NULL, \
                  state text NOT NULL, generation bigint NOT NULL, secrets text NOT NULL, \
                  version bigint NOT NULL, created_at {time} NOT NULL, updated_at {time} NOT NULL, PRIMARY KEY (tenant, id)",
        indexes: &[],
        guard: Guard::Tenant,
    }];

    pub const STEP: Step = Step {
        name: "invoicing_0023_webhooks_endpoints",
        postgres: &[],
        statements: &[],
        tables: TABLES,
    };
}
