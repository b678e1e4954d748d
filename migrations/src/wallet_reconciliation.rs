//! Reconciliations with payment providers, and the differences that they found.

use crate::ddl::{DataStep, Guard, Step, Table};

const STATEMENTS: &[&str] = &[
    // Tenants that have connected an account are reconciled from now on; the instant has been, by
    // any clock.
    "INSERT INTO due (tenant, job, subject, due_at, ordinal) SELECT tenant, 'reconcile_provider', '', stripe_connected_at, 0 \
     FROM wallet_settings WHERE stripe_connected_at IS NOT NULL",
];

const TABLES: &[Table] = &[
    Table {
        name: "provider_reconciliations",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, provider text NOT NULL, state text NOT NULL, from_at {time} NOT NULL, \
                  to_at {time} NOT NULL, nightly boolean NOT NULL, charges bigint NOT NULL, refunds bigint NOT NULL, \
                  disputes bigint NOT NULL, differences bigint NOT NULL, created_at {time} NOT NULL, ended_at {time}, \
                  PRIMARY KEY (tenant, id), CHECK (from_at < to_at)",
        indexes: &[
            "CREATE UNIQUE INDEX provider_reconciliations_running ON provider_reconciliations (tenant) WHERE state = 'RUNNING'",
        ],
        guard: Guard::Tenant,
    },
    // One for each place: what is found again of it is the same difference.
    Table {
        name: "provider_differences",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, provider text NOT NULL, kind text NOT NULL, provider_record_id text NOT NULL, \
                  provider_charge_id text NOT NULL, provider_amount bigint, provider_currency text NOT NULL, \
                  provider_outcome text NOT NULL, ledger_amount bigint, ledger_currency text NOT NULL, ledger_outcome text NOT NULL, \
                  step_id {uuid}, settles_itself boolean NOT NULL, state text NOT NULL, explanation text NOT NULL, \
                  settled_by text NOT NULL, created_at {time} NOT NULL, updated_at {time} NOT NULL, PRIMARY KEY (tenant, id)",
        indexes: &[
            "CREATE UNIQUE INDEX provider_differences_of_record ON provider_differences (tenant, provider, kind, provider_record_id)",
            "CREATE INDEX provider_differences_open ON provider_differences (tenant, id) WHERE state = 'OPEN'",
        ],
        guard: Guard::Tenant,
    },
];

pub const STEP: DataStep = DataStep {
    step: Step {
        name: "wallet_0029_provider_reconciliation",
        postgres: &[],
        statements: STATEMENTS,
        tables: TABLES,
    },
    unguarded: &["wallet_settings"],
};
