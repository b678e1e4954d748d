//! Accounts of tenants at Stripe, and what is kept of it: its customers, and the charges that it
//! was asked for.

use crate::ddl::{Guard, Step, Table};

const STATEMENTS: &[&str] = &[
    "ALTER TABLE wallet_settings ADD COLUMN stripe_account text NOT NULL DEFAULT ''",
    "ALTER TABLE wallet_settings ADD COLUMN stripe_on_behalf boolean NOT NULL DEFAULT false",
    "ALTER TABLE wallet_settings ADD COLUMN stripe_live boolean NOT NULL DEFAULT false",
    "ALTER TABLE wallet_settings ADD COLUMN stripe_key_ending text NOT NULL DEFAULT ''",
    "ALTER TABLE wallet_settings ADD COLUMN stripe_return_url text NOT NULL DEFAULT ''",
    "ALTER TABLE wallet_settings ADD COLUMN stripe_key {bytes}",
    "ALTER TABLE wallet_settings ADD COLUMN stripe_webhook_secret {bytes}",
    "ALTER TABLE wallet_settings ADD COLUMN stripe_connected_at {time}",
];

const TABLES: &[Table] = &[
    // One customer at Stripe for each of ours and account, so that its owner finds all methods of a
    // person together.
    Table {
        name: "stripe_customers",
        columns: "tenant text NOT NULL, customer_id {uuid} NOT NULL, account text NOT NULL, stripe_id text NOT NULL, \
                  PRIMARY KEY (tenant, customer_id, account)",
        indexes: &[],
        guard: Guard::Tenant,
    },
    // A charge, written before Stripe is asked to make its intent: what was asked is repeated word
    // for word.
    Table {
        name: "stripe_intents",
        columns: "tenant text NOT NULL, step_id {uuid} NOT NULL, stripe_id text NOT NULL, stripe_customer text NOT NULL, \
                  stripe_method text NOT NULL, amount bigint NOT NULL CHECK (amount > 0), currency text NOT NULL, \
                  first_asked_at {time} NOT NULL, PRIMARY KEY (tenant, step_id)",
        indexes: &[
            "CREATE UNIQUE INDEX stripe_intents_of_stripe ON stripe_intents (tenant, stripe_id) WHERE stripe_id <> ''",
        ],
        guard: Guard::Tenant,
    },
];

pub const STEP: Step =
    Step { name: "wallet_0028_stripe", postgres: &[], statements: STATEMENTS, tables: TABLES };
