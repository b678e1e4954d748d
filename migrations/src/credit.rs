//! The schema of the credit service.

use crate::{
    ddl::{SchemaStep, Step},
    system,
};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// All migrations of credit, in order.
#[derive(Debug)]
pub struct Credit;

/// The tenant's calendar never goes back.
const ZONES: Step = Step {
    name: "credit_0007_periods",
    postgres: &[],
    statements: &[system::DAY_REACHED],
    tables: &[],
};

/// Which payment plan an invoice is in. Of those from before it is not known until invoicing tells
/// of them again.
const PLANS: Step = Step {
    name: "credit_0008_plan_names",
    postgres: &[],
    statements: &["ALTER TABLE planned_invoices ADD COLUMN plan text NOT NULL DEFAULT ''"],
    tables: &[],
};

/// Parts of attachments are sealed again when their key is replaced; nothing else of them changes.
const RESEALED: Step = Step {
    name: "credit_0025_resealed",
    postgres: &[
        "DO $$ BEGIN EXECUTE format('GRANT UPDATE (sealed) ON bank_file_parts TO %I', 'payterms_' || current_schema()); END $$",
    ],
    statements: &[],
    tables: &[],
};

impl MigratorTrait for Credit {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        Self::steps().into_iter().map(|step| step as Box<dyn MigrationTrait>).collect()
    }
}

impl Credit {
    /// The steps, in order.
    #[must_use]
    pub fn steps() -> Vec<Box<dyn SchemaStep>> {
        vec![
            Box::new(system::STEP),
            Box::new(system::CLOCKS),
            Box::new(lines::STEP),
            Box::new(system::FEWER_INDEXES),
            Box::new(hot::STEP),
            Box::new(system::GUARDED),
            Box::new(underwriting::STEP),
            Box::new(days::STEP),
            Box::new(attachments::STEP),
            Box::new(lists::STEP),
            Box::new(ZONES),
            Box::new(PLANS),
            Box::new(system::event_log("credit_0020_events")),
            Box::new(system::webhooks("credit_0023_webhooks")),
            Box::new(crate::external_ids::CREDIT),
            Box::new(RESEALED),
        ]
    }
}

/// Programmes and whom they are for, lines with their history, draws and what they did to the
/// exposure.
mod lines {
    use crate::ddl::{Guard, Step, Table};

    const TABLES: &[Table] = &[
        Table {
            name: "customers",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, country text NOT NULL, tier text NOT NULL, has_tax_id boolean NOT NULL, \
                      lacking text NOT NULL, PRIMARY KEY (tenant, id)",
            indexes: &[],
            guard: Guard::Tenant,
        },
        Table {
            name: "tax_rules",
            columns: "tenant text NOT NULL, rules text NOT NULL, PRIMARY KEY (tenant)",
            indexes: &[],
            guard: Guard::Tenant,
        },
        Table {
            name: "programmes",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, title text NOT NULL, state text NOT NULL, currency text NOT NULL, \
                      cap bigint NOT NULL CHECK (cap > 0), term_kind text NOT NULL, term_days bigint NOT NULL, countries text NOT NULL, \
                      tiers text NOT NULL, invitation_only boolean NOT NULL, cool_down_days bigint NOT NULL, plans_allowed boolean NOT NULL, \
                      draws_during_plans boolean NOT NULL, policy_id {uuid} NOT NULL, offer_days bigint NOT NULL, version bigint NOT NULL, created_at {time} NOT NULL, \
                      updated_at {time} NOT NULL, PRIMARY KEY (tenant, id)",
            indexes: &[],
            guard: Guard::Tenant,
        },
        Table {
            name: "invitations",
            columns: "tenant text NOT NULL, programme_id {uuid} NOT NULL, customer_id {uuid} NOT NULL, invited boolean NOT NULL, \
                      PRIMARY KEY (tenant, programme_id, customer_id), FOREIGN KEY (tenant, programme_id) REFERENCES programmes (tenant, id)",
            indexes: &["CREATE INDEX invitations_of_customer ON invitations (tenant, customer_id)"],
            guard: Guard::Tenant,
        },
        Table {
            name: "policies",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, title text NOT NULL, state text NOT NULL, currency text NOT NULL, \
                      number bigint NOT NULL, terms text NOT NULL, cases text NOT NULL, version bigint NOT NULL, created_at {time} NOT NULL, \
                      published_at {time}, PRIMARY KEY (tenant, id)",
            indexes: &[
                "CREATE UNIQUE INDEX policies_by_number ON policies (tenant, number) WHERE number > 0",
            ],
            guard: Guard::Tenant,
        },
        Table {
            name: "applications",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, customer_id {uuid} NOT NULL, programme_id {uuid} NOT NULL, applicant text NOT NULL, \
                      state text NOT NULL, open boolean NOT NULL, files bigint NOT NULL, decisions bigint NOT NULL, reviewer text NOT NULL, \
                      currency text NOT NULL, granted bigint, reasons text NOT NULL, explanation text NOT NULL, line_id {uuid}, \
                      reapply_at {time}, expires_at {time}, version bigint NOT NULL, created_at {time} NOT NULL, updated_at {time} NOT NULL, \
                      PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, programme_id) REFERENCES programmes (tenant, id)",
            indexes: &[
                "CREATE INDEX applications_of_customer ON applications (tenant, customer_id, id)",
                "CREATE INDEX applications_by_state ON applications (tenant, state, id)",
                // A customer has one open application in a currency at most.
                "CREATE UNIQUE INDEX applications_open ON applications (tenant, customer_id, currency) WHERE open",
            ],
            guard: Guard::Tenant,
        },
        Table {
            name: "bank_files",
            columns: "tenant text NOT NULL, application_id {uuid} NOT NULL, sha256 text NOT NULL, title text NOT NULL, content {bytes} NOT NULL, \
                      mapping text NOT NULL, linked boolean NOT NULL, accounts bigint NOT NULL, bookings bigint NOT NULL, at {time} NOT NULL, \
                      PRIMARY KEY (tenant, application_id, sha256), FOREIGN KEY (tenant, application_id) REFERENCES applications (tenant, id)",
            indexes: &[],
            guard: Guard::AppendOnly,
        },
        Table {
            name: "bank_links",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, application_id {uuid} NOT NULL, state text NOT NULL, page text NOT NULL, \
                      url text NOT NULL, institution text NOT NULL, token {bytes} NOT NULL, expires_at {time} NOT NULL, created_at {time} NOT NULL, \
                      PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, application_id) REFERENCES applications (tenant, id)",
            indexes: &[
                "CREATE INDEX bank_links_of_application ON bank_links (tenant, application_id, id)",
            ],
            guard: Guard::Tenant,
        },
        Table {
            name: "decisions",
            columns: "tenant text NOT NULL, application_id {uuid} NOT NULL, number bigint NOT NULL, policy_id {uuid} NOT NULL, features text NOT NULL, \
                      currency text NOT NULL, cap bigint NOT NULL, decided text NOT NULL, coverage text NOT NULL, at {time} NOT NULL, \
                      PRIMARY KEY (tenant, application_id, number), FOREIGN KEY (tenant, application_id) REFERENCES applications (tenant, id), \
                      FOREIGN KEY (tenant, policy_id) REFERENCES policies (tenant, id)",
            indexes: &["CREATE INDEX decisions_by_time ON decisions (tenant, currency, at)"],
            guard: Guard::AppendOnly,
        },
        Table {
            name: "known_invoices",
            columns: "tenant text NOT NULL, invoice_id {uuid} NOT NULL, customer_id {uuid} NOT NULL, currency text NOT NULL, paid bigint NOT NULL, \
                      open bigint NOT NULL, issued_on text NOT NULL, due_on text NOT NULL, late boolean NOT NULL, PRIMARY KEY (tenant, invoice_id)",
            indexes: &[
                "CREATE INDEX known_invoices_of_customer ON known_invoices (tenant, customer_id)",
            ],
            guard: Guard::Tenant,
        },
        Table {
            name: "known_plans",
            columns: "tenant text NOT NULL, plan_id {uuid} NOT NULL, customer_id {uuid} NOT NULL, kept boolean NOT NULL, breached boolean NOT NULL, \
                      PRIMARY KEY (tenant, plan_id)",
            indexes: &["CREATE INDEX known_plans_of_customer ON known_plans (tenant, customer_id)"],
            guard: Guard::Tenant,
        },
        Table {
            name: "credit_lines",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, customer_id {uuid} NOT NULL, programme_id {uuid} NOT NULL, \
                      application_id {uuid}, state text NOT NULL, state_before text, suspensions text NOT NULL, currency text NOT NULL, \
                      credit_limit bigint NOT NULL CHECK (credit_limit > 0), authorized bigint NOT NULL CHECK (authorized >= 0), \
                      captured bigint NOT NULL CHECK (captured >= 0), repaid bigint NOT NULL CHECK (repaid >= 0 AND repaid <= captured), \
                      term_kind text NOT NULL, term_days bigint NOT NULL, expires_at {time} NOT NULL, explanation text NOT NULL, \
                      limit_reasons text NOT NULL, next_due text, first_due text, moving text NOT NULL, moving_side text NOT NULL, moving_subject text NOT NULL, \
                      moving_explanation text NOT NULL, moves bigint NOT NULL, entries bigint NOT NULL, live boolean NOT NULL, \
                      version bigint NOT NULL, created_at {time} NOT NULL, updated_at {time} NOT NULL, PRIMARY KEY (tenant, id), \
                      FOREIGN KEY (tenant, programme_id) REFERENCES programmes (tenant, id)",
            indexes: &[
                "CREATE INDEX credit_lines_of_customer ON credit_lines (tenant, customer_id, id)",
                // A customer has one live line in a currency at most.
                "CREATE UNIQUE INDEX credit_lines_live ON credit_lines (tenant, customer_id, currency) WHERE live",
            ],
            guard: Guard::Tenant,
        },
        Table {
            name: "line_history",
            columns: "tenant text NOT NULL, line_id {uuid} NOT NULL, sequence bigint NOT NULL, verb text NOT NULL, from_state text, \
                      to_state text NOT NULL, side text NOT NULL, subject text NOT NULL, currency text NOT NULL, credit_limit bigint NOT NULL, \
                      explanation text NOT NULL, at {time} NOT NULL, PRIMARY KEY (tenant, line_id, sequence), \
                      FOREIGN KEY (tenant, line_id) REFERENCES credit_lines (tenant, id)",
            indexes: &[],
            guard: Guard::AppendOnly,
        },
        Table {
            name: "draws",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, line_id {uuid} NOT NULL, state text NOT NULL, currency text NOT NULL, \
                      amount bigint NOT NULL CHECK (amount > 0), captured bigint NOT NULL CHECK (captured >= 0 AND captured <= amount), \
                      repaid bigint NOT NULL CHECK (repaid >= 0 AND repaid <= captured), invoice_id {uuid}, payment_id {uuid}, \
                      purchase text NOT NULL, expires_at {time}, purchased_on text, due_on text, falls_due text, blocked boolean NOT NULL, written_off boolean NOT NULL, \
                      created_at {time} NOT NULL, updated_at {time} NOT NULL, PRIMARY KEY (tenant, id), \
                      FOREIGN KEY (tenant, line_id) REFERENCES credit_lines (tenant, id)",
            indexes: &[
                "CREATE INDEX draws_of_line ON draws (tenant, line_id, id)",
                "CREATE UNIQUE INDEX draws_of_payment ON draws (tenant, payment_id, invoice_id)",
                "CREATE INDEX draws_by_due ON draws (tenant, line_id, falls_due) WHERE falls_due IS NOT NULL",
                // One sale, one document: an invoice is deferred once.
                "CREATE UNIQUE INDEX draws_of_invoice ON draws (tenant, invoice_id) WHERE state = 'CAPTURED'",
            ],
            guard: Guard::Tenant,
        },
        Table {
            name: "draw_entries",
            columns: "tenant text NOT NULL, line_id {uuid} NOT NULL, sequence bigint NOT NULL, draw_id {uuid} NOT NULL, currency text NOT NULL, \
                      authorized bigint NOT NULL, captured bigint NOT NULL, repaid bigint NOT NULL, bound bigint NOT NULL, at {time} NOT NULL, \
                      PRIMARY KEY (tenant, line_id, sequence), FOREIGN KEY (tenant, draw_id) REFERENCES draws (tenant, id)",
            indexes: &["CREATE INDEX draw_entries_by_time ON draw_entries (tenant, line_id, at)"],
            guard: Guard::AppendOnly,
        },
        Table {
            name: "ended_payments",
            columns: "tenant text NOT NULL, payment_id {uuid} NOT NULL, reason text NOT NULL, message text NOT NULL, \
                      PRIMARY KEY (tenant, payment_id)",
            indexes: &[],
            guard: Guard::AppendOnly,
        },
        Table {
            name: "planned_invoices",
            columns: "tenant text NOT NULL, customer_id {uuid} NOT NULL, invoice_id {uuid} NOT NULL, PRIMARY KEY (tenant, customer_id, invoice_id)",
            indexes: &[],
            guard: Guard::Tenant,
        },
    ];

    pub const STEP: Step =
        Step { name: "credit_0001", postgres: &[], statements: &[], tables: TABLES };
}

/// What every purchase on a line writes, with fewer and cheaper indexes.
mod hot {
    use crate::ddl::Step;

    const STATEMENTS: &[&str] = &[
        "DROP INDEX draws_of_payment",
        "CREATE UNIQUE INDEX draws_of_payment ON draws (tenant, payment_id, invoice_id) WHERE payment_id IS NOT NULL",
        // A line's entries are summed from the first on.
        "DROP INDEX draw_entries_by_time",
    ];

    // Written with what they name, in one transaction, and nothing of it ever goes: as in the
    // wallet, rows are not checked one by one here, and are on SQLite.
    const POSTGRES: &[&str] = &[
        "ALTER TABLE draws DROP CONSTRAINT draws_tenant_line_id_fkey",
        "ALTER TABLE draw_entries DROP CONSTRAINT draw_entries_tenant_draw_id_fkey",
        "SELECT tenant_last('credit_lines', 'id'), tenant_last('draws', 'id'), tenant_last('draw_entries', 'line_id, sequence')",
        "DROP INDEX draws_of_line",
        "CREATE INDEX draws_of_line ON draws (line_id, id, tenant)",
        // Room on the page for the next version of a row.
        "ALTER TABLE credit_lines SET (fillfactor = 70)",
    ];

    pub const STEP: Step =
        Step { name: "credit_0002_hot", postgres: POSTGRES, statements: STATEMENTS, tables: &[] };
}

/// What underwriting knows more of: the applicant's own name as a hash, plans with their invoices,
/// findings of files.
mod underwriting {
    use crate::ddl::{Guard, Step, Table};

    const STATEMENTS: &[&str] = &[
        "ALTER TABLE customers ADD COLUMN name_key text NOT NULL DEFAULT ''",
        "ALTER TABLE known_invoices ADD COLUMN written_off boolean NOT NULL DEFAULT false",
        // Whether its terms hold: it runs or was completed.
        "ALTER TABLE known_plans ADD COLUMN holds boolean NOT NULL DEFAULT false",
        // Whether an instalment was missed.
        "ALTER TABLE known_plans ADD COLUMN missed boolean NOT NULL DEFAULT false",
        "ALTER TABLE bank_files ADD COLUMN format text NOT NULL DEFAULT ''",
        "ALTER TABLE bank_files ADD COLUMN preset text NOT NULL DEFAULT ''",
        "ALTER TABLE bank_files ADD COLUMN findings text NOT NULL DEFAULT '[]'",
        "ALTER TABLE bank_files ADD COLUMN finding_count bigint NOT NULL DEFAULT 0",
    ];

    const TABLES: &[Table] = &[Table {
        name: "known_plan_invoices",
        columns: "tenant text NOT NULL, plan_id {uuid} NOT NULL, invoice_id {uuid} NOT NULL, PRIMARY KEY (tenant, plan_id, invoice_id)",
        indexes: &[
            "CREATE INDEX known_plan_invoices_by_invoice ON known_plan_invoices (tenant, invoice_id)",
        ],
        guard: Guard::Tenant,
    }];

    pub const STEP: Step = Step {
        name: "credit_0003_underwriting",
        postgres: &[],
        statements: STATEMENTS,
        tables: TABLES,
    };
}

/// Until when nothing follows from what is open again, because a payment was taken back.
mod days {
    use crate::ddl::Step;

    const STATEMENTS: &[&str] = &[
        "ALTER TABLE draws ADD COLUMN no_consequence_before text",
        "ALTER TABLE known_invoices ADD COLUMN no_consequence_before text",
    ];

    pub const STEP: Step =
        Step { name: "credit_0004_days", postgres: &[], statements: STATEMENTS, tables: &[] };
}

/// What an applicant attaches for a person to look at, and what the policy advises beyond what it
/// offered.
mod attachments {
    use crate::ddl::{Guard, Step, Table};

    const STATEMENTS: &[&str] = &[
        "ALTER TABLE applications ADD COLUMN attachments bigint NOT NULL DEFAULT 0",
        // An attachment's content is in its parts.
        "ALTER TABLE bank_files ADD COLUMN attachment boolean NOT NULL DEFAULT false",
        // Of an attachment; the others have their length.
        "ALTER TABLE bank_files ADD COLUMN size bigint NOT NULL DEFAULT 0",
    ];

    const TABLES: &[Table] = &[
        Table {
            name: "bank_file_parts",
            columns: "tenant text NOT NULL, application_id {uuid} NOT NULL, sha256 text NOT NULL, number bigint NOT NULL, sealed {bytes} NOT NULL, \
                      PRIMARY KEY (tenant, application_id, sha256, number), \
                      FOREIGN KEY (tenant, application_id, sha256) REFERENCES bank_files (tenant, application_id, sha256)",
            indexes: &[],
            guard: Guard::AppendOnly,
        },
        Table {
            name: "advised_limits",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, line_id {uuid} NOT NULL, customer_id {uuid} NOT NULL, application_id {uuid} NOT NULL, \
                      applicant text NOT NULL, state text NOT NULL, currency text NOT NULL, offered bigint NOT NULL CHECK (offered > 0), \
                      advised bigint NOT NULL CHECK (advised > offered), granted bigint, reasons text NOT NULL, explanation text NOT NULL, \
                      decider text NOT NULL, expires_at {time} NOT NULL, version bigint NOT NULL, created_at {time} NOT NULL, \
                      updated_at {time} NOT NULL, PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, line_id) REFERENCES credit_lines (tenant, id)",
            indexes: &[
                // A line has one that is open at most.
                "CREATE UNIQUE INDEX advised_limits_open ON advised_limits (tenant, line_id) WHERE state = 'OPEN'",
                "CREATE INDEX advised_limits_of_customer ON advised_limits (tenant, customer_id, id)",
            ],
            guard: Guard::Tenant,
        },
    ];

    pub const STEP: Step = Step {
        name: "credit_0005_attachments",
        postgres: &[],
        statements: STATEMENTS,
        tables: TABLES,
    };
}

/// What lists over all customers of a tenant read. On PostgreSQL the keys of these tables begin
/// with the id, so that other tenants' rows would be passed over.
mod lists {
    use crate::ddl::Step;

    const STATEMENTS: &[&str] =
        &["CREATE INDEX credit_lines_by_state ON credit_lines (tenant, state, id)"];

    const POSTGRES: &[&str] = &[
        "CREATE INDEX credit_lines_of_tenant ON credit_lines (tenant, id)",
        "CREATE INDEX draws_of_tenant ON draws (tenant, id)",
    ];

    pub const STEP: Step =
        Step { name: "credit_0006_lists", postgres: POSTGRES, statements: STATEMENTS, tables: &[] };
}
