//! The step of the wallet's schema about payments of invoices, and what is billed: fees, postpaid
//! agreements, accruals and the closing of months.

use crate::ddl::{Guard, Step, Table};

const TABLES: &[Table] = &[
    Table {
        name: "recurring_fees",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, wallet_id {uuid} NOT NULL, description text NOT NULL, \
                  amount bigint NOT NULL CHECK (amount > 0), currency text NOT NULL, first_on text NOT NULL, taken bigint NOT NULL, \
                  cancelled boolean NOT NULL, version bigint NOT NULL, created_at {time} NOT NULL, updated_at {time} NOT NULL, \
                  PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, wallet_id) REFERENCES wallets (tenant, id)",
        indexes: &[
            "CREATE INDEX recurring_fees_of_wallet ON recurring_fees (tenant, wallet_id, id)",
        ],
        guard: Guard::Tenant,
    },
    Table {
        name: "fees",
        columns: "tenant text NOT NULL, transfer_id {uuid} NOT NULL, wallet_id {uuid} NOT NULL, recurring_fee_id {uuid}, \
                  description text NOT NULL, amount bigint NOT NULL, currency text NOT NULL, sequence bigint NOT NULL, taken_at {time} NOT NULL, \
                  PRIMARY KEY (tenant, transfer_id), FOREIGN KEY (tenant, transfer_id) REFERENCES transfers (tenant, id)",
        indexes: &["CREATE INDEX fees_of_wallet ON fees (tenant, wallet_id, sequence)"],
        guard: Guard::AppendOnly,
    },
    Table {
        name: "postpaid_agreements",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, wallet_id {uuid} NOT NULL, state text NOT NULL, \
                  commitment bigint NOT NULL CHECK (commitment > 0), credit_limit bigint NOT NULL, currency text NOT NULL, first_month text, \
                  billed bigint NOT NULL, explanation text NOT NULL, version bigint NOT NULL, created_at {time} NOT NULL, \
                  updated_at {time} NOT NULL, PRIMARY KEY (tenant, id), CHECK (credit_limit >= commitment), \
                  FOREIGN KEY (tenant, wallet_id) REFERENCES wallets (tenant, id)",
        indexes: &[
            "CREATE UNIQUE INDEX postpaid_live ON postpaid_agreements (tenant, wallet_id) WHERE state IN ('REQUESTED', 'ACTIVE')",
        ],
        guard: Guard::Tenant,
    },
    Table {
        name: "accruals",
        columns: "tenant text NOT NULL, wallet_id {uuid} NOT NULL, month text NOT NULL, funding text NOT NULL, label text NOT NULL, \
                  closing_id {uuid} NOT NULL, amount bigint NOT NULL CHECK (amount > 0), currency text NOT NULL, \
                  PRIMARY KEY (tenant, wallet_id, month, funding, label, closing_id), \
                  FOREIGN KEY (tenant, wallet_id) REFERENCES wallets (tenant, id)",
        indexes: &[],
        guard: Guard::Tenant,
    },
    Table {
        name: "month_closings",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, wallet_id {uuid} NOT NULL, month text NOT NULL, agreement_id {uuid}, \
                  shortfall bigint NOT NULL, rest bigint NOT NULL, rest_months bigint NOT NULL, currency text NOT NULL, \
                  created_at {time} NOT NULL, PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, wallet_id) REFERENCES wallets (tenant, id)",
        indexes: &[],
        guard: Guard::AppendOnly,
    },
    Table {
        name: "metered_services",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, customer_id {uuid} NOT NULL, currency text NOT NULL, product text NOT NULL, \
                  access text NOT NULL, open_month text NOT NULL, PRIMARY KEY (tenant, id), UNIQUE (tenant, customer_id, currency, product)",
        indexes: &[],
        guard: Guard::Tenant,
    },
    Table {
        name: "refunds",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, step_id {uuid} NOT NULL, wallet_id {uuid} NOT NULL, payment_id {uuid} NOT NULL, charge_id {uuid}, \
              state text NOT NULL, amount bigint NOT NULL CHECK (amount > 0), currency text NOT NULL, provider_refund_id text NOT NULL, \
              created_at {time} NOT NULL, updated_at {time} NOT NULL, PRIMARY KEY (tenant, id), UNIQUE (tenant, step_id), \
              FOREIGN KEY (tenant, wallet_id) REFERENCES wallets (tenant, id)",
        indexes: &["CREATE INDEX refunds_of_payment ON refunds (tenant, payment_id)"],
        guard: Guard::Tenant,
    },
    Table {
        name: "line_switches",
        columns: "tenant text NOT NULL, line_id {uuid} NOT NULL, number bigint NOT NULL, refused boolean NOT NULL, \
                  PRIMARY KEY (tenant, line_id)",
        indexes: &[],
        guard: Guard::Tenant,
    },
    Table {
        name: "charges",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, step_id {uuid} NOT NULL, wallet_id {uuid} NOT NULL, payment_id {uuid} NOT NULL, method_id {uuid}, \
              state text NOT NULL, amount bigint NOT NULL CHECK (amount > 0), currency text NOT NULL, decline_code text NOT NULL, \
              provider_charge_id text NOT NULL, charged_back bigint, back_from_invoices bigint, back_from_surplus bigint, \
              created_at {time} NOT NULL, updated_at {time} NOT NULL, PRIMARY KEY (tenant, id), UNIQUE (tenant, step_id), \
              FOREIGN KEY (tenant, wallet_id) REFERENCES wallets (tenant, id)",
        indexes: &[
            "CREATE INDEX charges_of_payment ON charges (tenant, payment_id)",
            "CREATE INDEX charges_at_provider ON charges (tenant, provider_charge_id) WHERE provider_charge_id <> ''",
        ],
        guard: Guard::Tenant,
    },
];

// A hold of a payment is found by it, and there is one at most: what comes after a release
// finds that row and goes no further.
const STATEMENTS: &[&str] = &[
    "ALTER TABLE wallets ADD COLUMN owed_back bigint NOT NULL DEFAULT 0",
    "ALTER TABLE wallets ADD COLUMN overdraft bigint",
    "ALTER TABLE payment_methods ADD COLUMN mandate text NOT NULL DEFAULT ''",
    "ALTER TABLE method_setups ADD COLUMN kind text NOT NULL DEFAULT 'CARD'",
    "ALTER TABLE payment_methods ADD COLUMN charged_back boolean NOT NULL DEFAULT false",
    "CREATE INDEX top_ups_at_provider ON top_ups (tenant, provider_charge_id) WHERE provider_charge_id <> ''",
    "ALTER TABLE wallets ADD COLUMN closes text",
    "ALTER TABLE wallet_settings ADD COLUMN postpaid_minimums text NOT NULL DEFAULT 'AUD:1000000000'",
    "ALTER TABLE usage_records ADD COLUMN service_id {uuid}",
    "ALTER TABLE usage_records ADD COLUMN billing_month text",
    "ALTER TABLE usage_records ADD COLUMN late boolean NOT NULL DEFAULT false",
    "CREATE INDEX usage_of_service ON usage_records (tenant, service_id, billing_month) WHERE service_id IS NOT NULL",
    "ALTER TABLE top_ups ADD COLUMN tax_sentence text NOT NULL DEFAULT ''",
    "ALTER TABLE holds ADD COLUMN payment_id {uuid}",
    "CREATE UNIQUE INDEX holds_of_payment ON holds (tenant, payment_id) WHERE payment_id IS NOT NULL",
    "ALTER TABLE transfers ADD COLUMN payment_id {uuid}",
    "CREATE INDEX transfers_of_payment ON transfers (tenant, payment_id) WHERE payment_id IS NOT NULL",
    "ALTER TABLE auto_recharges ADD COLUMN failed_attempts bigint NOT NULL DEFAULT 0",
    "ALTER TABLE auto_recharges ADD COLUMN first_failed_at {time}",
    "ALTER TABLE auto_recharges ADD COLUMN retry_at {time}",
];

/// What payments of invoices do in the wallet.
pub const STEP: Step =
    Step { name: "wallet_0004_settlements", postgres: &[], statements: STATEMENTS, tables: TABLES };
