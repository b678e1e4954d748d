//! What moved the balance at a payment provider, and what of it was paid out.

use crate::ddl::{Guard, Step, Table};

const STATEMENTS: &[&str] =
    &["ALTER TABLE provider_reconciliations ADD COLUMN payouts bigint NOT NULL DEFAULT 0"];

const TABLES: &[Table] = &[
    Table {
        name: "provider_payouts",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, provider text NOT NULL, provider_payout_id text NOT NULL, state text NOT NULL, \
                  automatic boolean NOT NULL, is_listed boolean NOT NULL, amount bigint NOT NULL, currency text NOT NULL, \
                  arrives_on text NOT NULL, created_at {time} NOT NULL, PRIMARY KEY (tenant, id)",
        indexes: &[
            "CREATE UNIQUE INDEX provider_payouts_at_provider ON provider_payouts (tenant, provider, provider_payout_id)",
        ],
        guard: Guard::Tenant,
    },
    Table {
        name: "provider_transactions",
        columns: "tenant text NOT NULL, provider text NOT NULL, provider_transaction_id text NOT NULL, kind text NOT NULL, \
                  provider_record_id text NOT NULL, provider_charge_id text NOT NULL, amount bigint NOT NULL, fee bigint NOT NULL, \
                  currency text NOT NULL, payout_id {uuid}, created_at {time} NOT NULL, available_at {time} NOT NULL, \
                  PRIMARY KEY (tenant, provider, provider_transaction_id), \
                  FOREIGN KEY (tenant, payout_id) REFERENCES provider_payouts (tenant, id)",
        indexes: &[
            "CREATE INDEX provider_transactions_of_payout ON provider_transactions (tenant, payout_id, provider_transaction_id) \
             WHERE payout_id IS NOT NULL",
        ],
        guard: Guard::Tenant,
    },
];

pub const STEP: Step = Step {
    name: "wallet_0031_provider_payouts",
    postgres: &[],
    statements: STATEMENTS,
    tables: TABLES,
};
