//! The schema of the wallet service.

use crate::{
    ddl::SchemaStep,
    system,
    wallet_credit::{
        CLOSING_ENDS, DISPUTED_AGAIN, DISPUTED_LOTS, SPANS, UNMOVED, ZONES, debts, disputes,
        expiry_notices, refunds, reversals,
    },
    wallet_lists, wallet_settlements as settlements, wallet_single_call as single_call,
};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// All migrations of the wallet, in order.
#[derive(Debug)]
pub struct Wallet;

impl MigratorTrait for Wallet {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        Self::steps().into_iter().map(|step| step as Box<dyn MigrationTrait>).collect()
    }
}

impl Wallet {
    /// The steps, in order.
    #[must_use]
    pub fn steps() -> Vec<Box<dyn SchemaStep>> {
        vec![
            Box::new(system::STEP),
            Box::new(ledger::STEP),
            Box::new(payments::STEP),
            Box::new(usage::STEP),
            Box::new(system::CLOCKS),
            Box::new(settlements::STEP),
            Box::new(system::FEWER_INDEXES),
            Box::new(hot::STEP),
            Box::new(single_call::STEP),
            Box::new(system::GUARDED),
            Box::new(single_call::UNDONE),
            Box::new(wallet_lists::STEP),
            Box::new(refunds::STEP),
            Box::new(reversals::STEP),
            Box::new(wallet_lists::HISTORY),
            Box::new(disputes::STEP),
            Box::new(ZONES),
            Box::new(expiry_notices::STEP),
            Box::new(CLOSING_ENDS),
            Box::new(SPANS),
            Box::new(UNMOVED),
            Box::new(system::event_log("wallet_0020_events")),
            Box::new(debts::STEP),
            Box::new(DISPUTED_AGAIN),
            Box::new(DISPUTED_LOTS),
            Box::new(system::webhooks("wallet_0023_webhooks")),
            Box::new(crate::external_ids::WALLET),
            Box::new(crate::wallet_stripe::STEP),
            Box::new(crate::wallet_reconciliation::STEP),
            Box::new(crate::wallet_credit::CEILING_TOLD),
            Box::new(crate::wallet_payouts::STEP),
            Box::new(crate::wallet_routes::STEP),
        ]
    }
}

/// Wallets, lots, the ledger, holds.
mod ledger {
    use crate::ddl::{Guard, Step, Table};

    const TABLES: &[Table] = &[
        Table {
            name: "wallets",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, customer_id {uuid} NOT NULL, currency text NOT NULL, sequence bigint NOT NULL, \
                      lot_count bigint NOT NULL, posted bigint NOT NULL, owed bigint NOT NULL CHECK (owed >= 0), version bigint NOT NULL, \
                      created_at {time} NOT NULL, updated_at {time} NOT NULL, PRIMARY KEY (tenant, id), UNIQUE (tenant, customer_id, currency)",
            indexes: &[],
            guard: Guard::Tenant,
        },
        Table {
            name: "lots",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, wallet_id {uuid} NOT NULL, sequence bigint NOT NULL, kind text NOT NULL, \
                      tax_kind text, priority bigint NOT NULL, amount bigint NOT NULL, remaining bigint NOT NULL, pinned bigint NOT NULL, \
                      currency text NOT NULL, expires_at {time}, created_at {time} NOT NULL, description text NOT NULL, PRIMARY KEY (tenant, id), \
                      UNIQUE (tenant, wallet_id, sequence), CHECK (pinned >= 0 AND pinned <= remaining AND remaining <= amount), \
                      FOREIGN KEY (tenant, wallet_id) REFERENCES wallets (tenant, id)",
            indexes: &["CREATE INDEX lots_live ON lots (tenant, wallet_id) WHERE remaining > 0"],
            guard: Guard::Tenant,
        },
        Table {
            name: "transfers",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, wallet_id {uuid} NOT NULL, kind text NOT NULL, description text NOT NULL, \
                      recorded_at {time} NOT NULL, effective_at {time} NOT NULL, PRIMARY KEY (tenant, id), \
                      FOREIGN KEY (tenant, wallet_id) REFERENCES wallets (tenant, id)",
            indexes: &[],
            guard: Guard::AppendOnly,
        },
        Table {
            name: "entries",
            columns: "tenant text NOT NULL, transfer_id {uuid} NOT NULL, line bigint NOT NULL, account text NOT NULL, wallet_id {uuid} NOT NULL, \
                      lot_id {uuid}, amount bigint NOT NULL, currency text NOT NULL, sequence bigint, balance_after bigint, \
                      recorded_at {time} NOT NULL, effective_at {time} NOT NULL, PRIMARY KEY (tenant, transfer_id, line), \
                      FOREIGN KEY (tenant, transfer_id) REFERENCES transfers (tenant, id)",
            indexes: &[
                "CREATE UNIQUE INDEX entries_of_wallet ON entries (tenant, wallet_id, sequence) WHERE sequence IS NOT NULL",
            ],
            guard: Guard::AppendOnly,
        },
        Table {
            name: "holds",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, wallet_id {uuid} NOT NULL, state text NOT NULL, amount bigint NOT NULL, \
                      captured bigint NOT NULL, currency text NOT NULL, expires_at {time} NOT NULL, description text NOT NULL, \
                      created_at {time} NOT NULL, updated_at {time} NOT NULL, PRIMARY KEY (tenant, id), CHECK (captured >= 0 AND captured <= amount), \
                      FOREIGN KEY (tenant, wallet_id) REFERENCES wallets (tenant, id)",
            indexes: &["CREATE INDEX holds_of_wallet ON holds (tenant, wallet_id, id)"],
            guard: Guard::Tenant,
        },
        Table {
            name: "hold_pins",
            columns: "tenant text NOT NULL, hold_id {uuid} NOT NULL, place bigint NOT NULL, lot_id {uuid} NOT NULL, amount bigint NOT NULL, \
                      currency text NOT NULL, PRIMARY KEY (tenant, hold_id, place), FOREIGN KEY (tenant, hold_id) REFERENCES holds (tenant, id), \
                      FOREIGN KEY (tenant, lot_id) REFERENCES lots (tenant, id)",
            indexes: &["CREATE INDEX hold_pins_of_lot ON hold_pins (tenant, lot_id)"],
            guard: Guard::Tenant,
        },
    ];

    pub const STEP: Step =
        Step { name: "wallet_0001_ledger", postgres: &[], statements: &[], tables: TABLES };
}

/// What the wallet knows of customers, their methods, top-ups, and the tenant's settings.
mod payments {
    use crate::ddl::{Guard, Step, Table};

    const TABLES: &[Table] = &[
        Table {
            name: "customers",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, country text NOT NULL, tier text NOT NULL, has_legal_name boolean NOT NULL, \
                      has_billing_address boolean NOT NULL, has_billing_email boolean NOT NULL, tax_rate_millionths bigint, \
                      tax_sentence text NOT NULL, tax_version bigint NOT NULL, PRIMARY KEY (tenant, id)",
            indexes: &[],
            guard: Guard::Tenant,
        },
        Table {
            name: "method_setups",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, customer_id {uuid} NOT NULL, state text NOT NULL, provider text NOT NULL, \
                      provider_setup_id text NOT NULL, hosted_url text NOT NULL, method_id {uuid}, failure_reason text NOT NULL, \
                      expires_at {time} NOT NULL, created_at {time} NOT NULL, PRIMARY KEY (tenant, id)",
            indexes: &[
                "CREATE INDEX method_setups_at_provider ON method_setups (tenant, provider_setup_id)",
            ],
            guard: Guard::Tenant,
        },
        Table {
            name: "payment_methods",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, customer_id {uuid} NOT NULL, kind text NOT NULL, state text NOT NULL, \
                      provider text NOT NULL, provider_token text NOT NULL, brand text NOT NULL, last_four text NOT NULL, \
                      expire_month bigint NOT NULL, expire_year bigint NOT NULL, created_at {time} NOT NULL, PRIMARY KEY (tenant, id), \
                      FOREIGN KEY (tenant, customer_id) REFERENCES customers (tenant, id)",
            indexes: &[
                "CREATE INDEX payment_methods_of_customer ON payment_methods (tenant, customer_id, id)",
            ],
            guard: Guard::Tenant,
        },
        Table {
            name: "method_pointers",
            columns: "tenant text NOT NULL, customer_id {uuid} NOT NULL, purchase_default_id {uuid}, collection_method_id {uuid}, \
                      PRIMARY KEY (tenant, customer_id), \
                      FOREIGN KEY (tenant, purchase_default_id) REFERENCES payment_methods (tenant, id), \
                      FOREIGN KEY (tenant, collection_method_id) REFERENCES payment_methods (tenant, id)",
            indexes: &[],
            guard: Guard::Tenant,
        },
        Table {
            name: "wallet_settings",
            columns: "tenant text PRIMARY KEY, provider text NOT NULL, provider_default boolean NOT NULL, methods text NOT NULL, \
                      top_up_tax_kind text NOT NULL, minimums text NOT NULL, prepayment boolean NOT NULL, prepayment_methods text NOT NULL, \
                      invoices_hidden boolean NOT NULL, purchased_expire_days bigint NOT NULL, version bigint NOT NULL",
            indexes: &[],
            guard: Guard::Tenant,
        },
        Table {
            name: "top_ups",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, wallet_id {uuid} NOT NULL, method_id {uuid} NOT NULL, source text NOT NULL, \
                      state text NOT NULL, amount bigint NOT NULL CHECK (amount > 0), tax bigint NOT NULL, currency text NOT NULL, \
                      tax_kind text NOT NULL, tax_rate_millionths bigint NOT NULL, tax_version bigint NOT NULL, decline_code text NOT NULL, \
                      provider_charge_id text NOT NULL, created_at {time} NOT NULL, updated_at {time} NOT NULL, PRIMARY KEY (tenant, id), \
                      FOREIGN KEY (tenant, wallet_id) REFERENCES wallets (tenant, id), \
                      FOREIGN KEY (tenant, method_id) REFERENCES payment_methods (tenant, id)",
            indexes: &["CREATE INDEX top_ups_of_wallet ON top_ups (tenant, wallet_id, id)"],
            guard: Guard::Tenant,
        },
    ];

    pub const STEP: Step =
        Step { name: "wallet_0002_payments", postgres: &[], statements: &[], tables: TABLES };
}

/// Usage records and the rules of auto-recharge.
mod usage {
    use crate::ddl::{Guard, Step, Table};

    const TABLES: &[Table] = &[
        Table {
            name: "usage_records",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, wallet_id {uuid} NOT NULL, product text NOT NULL, \
                      quantity_millionths bigint NOT NULL, unit_price bigint NOT NULL, amount bigint NOT NULL, currency text NOT NULL, \
                      transfer_id {uuid}, used_at {time} NOT NULL, recorded_at {time} NOT NULL, sequence bigint NOT NULL, \
                      PRIMARY KEY (tenant, id), UNIQUE (tenant, wallet_id, sequence), \
                      FOREIGN KEY (tenant, wallet_id) REFERENCES wallets (tenant, id)",
            indexes: &[
                "CREATE INDEX usage_by_product ON usage_records (tenant, wallet_id, product, sequence)",
            ],
            guard: Guard::AppendOnly,
        },
        Table {
            name: "auto_recharges",
            columns: "tenant text NOT NULL, wallet_id {uuid} NOT NULL, currency text NOT NULL, threshold bigint, threshold_amount bigint, \
                      threshold_up_to bigint, month_end_amount bigint, monthly_ceiling bigint, repair_negative boolean NOT NULL, month_end_marked boolean NOT NULL, for_month_end boolean NOT NULL, \
                      open_top_up_id {uuid}, failure_reason text NOT NULL, version bigint NOT NULL, PRIMARY KEY (tenant, wallet_id), \
                      FOREIGN KEY (tenant, wallet_id) REFERENCES wallets (tenant, id)",
            indexes: &[],
            guard: Guard::Tenant,
        },
    ];

    // Usage has a sequence of its own: a record of nothing has no entry.
    pub const STEP: Step = Step {
        name: "wallet_0003_usage",
        postgres: &[],
        statements: &["ALTER TABLE wallets ADD COLUMN usage_count bigint NOT NULL DEFAULT 0"],
        tables: TABLES,
    };
}

/// What the hot verbs keep in the rows that they write anyway.
mod hot {
    use crate::ddl::Step;

    // A debit's transfer and a use's record are also its idempotency and audit row: who asked, by
    // which request, with which content. Other rows have none.
    const STATEMENTS: &[&str] = &[
        "ALTER TABLE transfers ADD COLUMN request_id {uuid}",
        "ALTER TABLE transfers ADD COLUMN input_hash {bytes}",
        "ALTER TABLE transfers ADD COLUMN actor text",
        "CREATE UNIQUE INDEX transfers_of_request ON transfers (request_id, tenant) WHERE request_id IS NOT NULL",
        "ALTER TABLE usage_records ADD COLUMN request_id {uuid}",
        "ALTER TABLE usage_records ADD COLUMN input_hash {bytes}",
        "ALTER TABLE usage_records ADD COLUMN actor text",
        "CREATE UNIQUE INDEX usage_of_request ON usage_records (request_id, tenant) WHERE request_id IS NOT NULL",
        // What a debit changes stands in no index, so that PostgreSQL writes the row and nothing
        // else. Lots that were used up before stay in this one.
        "ALTER TABLE lots ADD COLUMN live boolean NOT NULL DEFAULT true",
        "DROP INDEX lots_live",
        "CREATE INDEX lots_live ON lots (tenant, wallet_id) WHERE live",
        // Most movements are between two accounts: one row that names both, balanced by its shape.
        "ALTER TABLE entries ADD COLUMN contra text",
        "CREATE VIEW journal {as_caller} AS SELECT tenant, transfer_id, line, account, wallet_id, lot_id, amount, currency, sequence, \
         balance_after, recorded_at, effective_at FROM entries UNION ALL SELECT tenant, transfer_id, line + 1, contra, wallet_id, NULL, \
         -amount, currency, NULL, NULL, recorded_at, effective_at FROM entries WHERE contra IS NOT NULL",
    ];

    // Rows of the ledger are written with what they name, in one transaction, and nothing of it
    // ever goes: a check of each row by itself finds nothing, and costs as much as writing it.
    // SQLite keeps the checks, which cost little there.
    const POSTGRES: &[&str] = &[
        "ALTER TABLE entries DROP CONSTRAINT entries_tenant_transfer_id_fkey",
        "ALTER TABLE transfers DROP CONSTRAINT transfers_tenant_wallet_id_fkey",
        "ALTER TABLE usage_records DROP CONSTRAINT usage_records_tenant_wallet_id_fkey",
        "SELECT tenant_last('wallets', 'id'), tenant_last('lots', 'id'), tenant_last('transfers', 'id'), tenant_last('entries', 'transfer_id, line')",
        "DROP INDEX entries_of_wallet",
        "CREATE UNIQUE INDEX entries_of_wallet ON entries (wallet_id, sequence, tenant) WHERE sequence IS NOT NULL",
        // A use is found by its place, its product or its request, never by its id.
        "ALTER TABLE usage_records DROP CONSTRAINT usage_records_tenant_wallet_id_sequence_key",
        "SELECT tenant_last('usage_records', 'wallet_id, sequence')",
        "DROP INDEX usage_by_product",
        "CREATE INDEX usage_by_product ON usage_records (wallet_id, product, sequence, tenant)",
        // Room on the page for the next version of a row.
        "ALTER TABLE wallets SET (fillfactor = 70)",
        "ALTER TABLE lots SET (fillfactor = 70)",
        // Events of batches are large; a server that was built without lz4 packs them in its slower
        // way.
        "DO $$ BEGIN ALTER TABLE outbox ALTER COLUMN data SET COMPRESSION lz4; EXCEPTION WHEN feature_not_supported THEN NULL; END $$",
        include_str!("post_alone.sql"),
    ];

    pub const STEP: Step =
        Step { name: "wallet_0005_hot", postgres: POSTGRES, statements: STATEMENTS, tables: &[] };
}
