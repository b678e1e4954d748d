//! What gives bought credit back.

use crate::{
    ddl::{DataStep, RebuildStep, Step},
    system,
};

/// The tenant's calendar never goes back.
pub const ZONES: Step = Step {
    name: "wallet_0012_periods",
    postgres: &[],
    statements: &[system::DAY_REACHED],
    tables: &[],
};

/// What refunds of payments did not move, because the issuer had taken the charge back before
/// (until here all of one, or nothing), and which methods have charges that are taken back.
pub const UNMOVED: DataStep = DataStep {
    step: Step {
        name: "wallet_0016_unmoved",
        postgres: &[],
        statements: &[
            "ALTER TABLE refunds ADD COLUMN unmoved bigint NOT NULL DEFAULT 0",
            "CREATE INDEX charges_taken_back ON charges (tenant, method_id) WHERE state = 'CHARGED_BACK'",
            "CREATE INDEX top_ups_taken_back ON top_ups (tenant, method_id) WHERE state = 'CHARGED_BACK'",
            "UPDATE refunds SET unmoved = amount WHERE charge_id IS NOT NULL AND state = 'RETURNED' AND provider_refund_id = ''",
        ],
        tables: &[],
    },
    unguarded: &["refunds"],
};

/// Refunds of top-ups, and the lot that a top-up made.
pub mod refunds {
    use crate::ddl::{DataStep, Guard, Step, Table};

    const STATEMENTS: &[&str] = &[
        "ALTER TABLE top_ups ADD COLUMN lot_id {uuid}",
        "ALTER TABLE top_ups ADD COLUMN refunded_credit bigint NOT NULL DEFAULT 0",
        "ALTER TABLE top_ups ADD COLUMN refunded_tax bigint NOT NULL DEFAULT 0",
        // A lot is made in the transaction that makes its top-up succeed, with the same instant.
        "UPDATE top_ups SET lot_id = (SELECT l.id FROM lots l WHERE l.tenant = top_ups.tenant AND l.wallet_id = top_ups.wallet_id \
         AND l.kind = 'PURCHASED' AND l.created_at = top_ups.updated_at AND l.amount = top_ups.amount - top_ups.tax \
         ORDER BY l.sequence LIMIT 1) WHERE state = 'SUCCEEDED'",
    ];

    const TABLES: &[Table] = &[Table {
        name: "top_up_refunds",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, top_up_id {uuid} NOT NULL, wallet_id {uuid} NOT NULL, state text NOT NULL, \
                  credit bigint NOT NULL CHECK (credit > 0), tax bigint NOT NULL CHECK (tax >= 0), currency text NOT NULL, \
                  explanation text NOT NULL, provider_refund_id text NOT NULL, created_at {time} NOT NULL, updated_at {time} NOT NULL, \
                  PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, top_up_id) REFERENCES top_ups (tenant, id)",
        indexes: &[
            "CREATE INDEX top_up_refunds_of_top_up ON top_up_refunds (tenant, top_up_id, id)",
        ],
        guard: Guard::Tenant,
    }];

    pub const STEP: DataStep = DataStep {
        step: Step {
            name: "wallet_0009_top_up_refunds",
            postgres: &[],
            statements: STATEMENTS,
            tables: TABLES,
        },
        unguarded: &["top_ups", "lots"],
    };
}

/// Reversals of debits, captures, uses and fees, revocations of credit, the invoices of closed
/// months, and up to which amount one person gives something back.
pub mod reversals {
    use crate::ddl::{Guard, Step, Table};

    const STATEMENTS: &[&str] = &[
        "ALTER TABLE wallet_settings ADD COLUMN approval_limits text NOT NULL DEFAULT ''",
        // Which entries a closing covers: instants alone do not tell where a clock stands still.
        "ALTER TABLE month_closings ADD COLUMN last_sequence bigint",
        "CREATE INDEX month_closings_of_wallet ON month_closings (tenant, wallet_id, month)",
    ];

    // A metered use is found by its id, which other uses are never: they spare the index. SQLite
    // has it as their key.
    const POSTGRES: &[&str] = &[
        "CREATE INDEX usage_of_metered ON usage_records (id, tenant) WHERE service_id IS NOT NULL",
    ];

    const TABLES: &[Table] = &[
        Table {
            name: "reversals",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, wallet_id {uuid} NOT NULL, transfer_id {uuid}, usage_record_id {uuid}, \
                      service_id {uuid}, billing_month text, unit_price bigint, amount bigint NOT NULL CHECK (amount >= 0), \
                      quantity_millionths bigint, currency text NOT NULL, explanation text NOT NULL, effective_at {time} NOT NULL, \
                      recorded_at {time} NOT NULL, PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, wallet_id) REFERENCES wallets (tenant, id)",
            indexes: &[
                "CREATE INDEX reversals_of_wallet ON reversals (tenant, wallet_id, id)",
                "CREATE INDEX reversals_of_transfer ON reversals (tenant, transfer_id) WHERE transfer_id IS NOT NULL",
                "CREATE INDEX reversals_of_use ON reversals (tenant, usage_record_id) WHERE usage_record_id IS NOT NULL",
                "CREATE INDEX reversals_of_service ON reversals (tenant, service_id, billing_month) WHERE service_id IS NOT NULL",
            ],
            guard: Guard::AppendOnly,
        },
        Table {
            name: "reversal_parts",
            columns: "tenant text NOT NULL, reversal_id {uuid} NOT NULL, place bigint NOT NULL, taken_by {uuid} NOT NULL, from_lot_id {uuid}, \
                      to_lot_id {uuid}, amount bigint NOT NULL CHECK (amount > 0), currency text NOT NULL, \
                      PRIMARY KEY (tenant, reversal_id, place), FOREIGN KEY (tenant, reversal_id) REFERENCES reversals (tenant, id)",
            indexes: &[
                "CREATE INDEX reversal_parts_of_transfer ON reversal_parts (tenant, taken_by)",
            ],
            guard: Guard::AppendOnly,
        },
        Table {
            name: "revocations",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, wallet_id {uuid} NOT NULL, lot_id {uuid} NOT NULL, restored_lot_id {uuid}, \
                      state text NOT NULL, cause text NOT NULL, amount bigint NOT NULL CHECK (amount > 0), currency text NOT NULL, \
                      explanation text NOT NULL, proposed_by text NOT NULL, decided_by text NOT NULL, answer text NOT NULL, \
                      version bigint NOT NULL, created_at {time} NOT NULL, updated_at {time} NOT NULL, PRIMARY KEY (tenant, id), \
                      FOREIGN KEY (tenant, wallet_id) REFERENCES wallets (tenant, id)",
            indexes: &[
                "CREATE INDEX revocations_of_wallet ON revocations (tenant, wallet_id, id)",
                "CREATE INDEX revocations_by_state ON revocations (tenant, state, id)",
            ],
            guard: Guard::Tenant,
        },
        Table {
            name: "usage_invoices",
            columns: "tenant text NOT NULL, invoice_id {uuid} NOT NULL, name text NOT NULL, number text NOT NULL, closing_id {uuid}, \
                      funding text NOT NULL, service_id {uuid}, month text NOT NULL, PRIMARY KEY (tenant, invoice_id)",
            indexes: &[
                "CREATE INDEX usage_invoices_of_closing ON usage_invoices (tenant, closing_id, funding) WHERE closing_id IS NOT NULL",
                "CREATE INDEX usage_invoices_of_service ON usage_invoices (tenant, service_id, month) WHERE service_id IS NOT NULL",
            ],
            guard: Guard::Tenant,
        },
    ];

    pub const STEP: Step = Step {
        name: "wallet_0011_reversals",
        postgres: POSTGRES,
        statements: STATEMENTS,
        tables: TABLES,
    };
}

/// Which entries accrued to an agreement.
pub const SPANS: Step = Step {
    name: "wallet_0017_spans",
    postgres: &[],
    statements: &[
        "ALTER TABLE postpaid_agreements ADD COLUMN after_sequence bigint",
        "ALTER TABLE postpaid_agreements ADD COLUMN last_sequence bigint",
    ],
    tables: &[],
};

/// Disputes of charges, and the pause of auto-recharge that follows from one.
pub mod disputes {
    use crate::ddl::{Guard, Step, Table};

    const STATEMENTS: &[&str] = &[
        "ALTER TABLE auto_recharges ADD COLUMN paused_until {time}",
        "ALTER TABLE charges ADD COLUMN dispute_id {uuid}",
    ];

    const TABLES: &[Table] = &[Table {
        name: "disputes",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, customer_id {uuid} NOT NULL, wallet_id {uuid} NOT NULL, method_id {uuid}, \
                  top_up_id {uuid}, charge_id {uuid}, payment_id {uuid}, step_id {uuid}, state text NOT NULL, is_final boolean NOT NULL, \
                  amount bigint NOT NULL CHECK (amount > 0), currency text NOT NULL, credit bigint NOT NULL CHECK (credit >= 0), \
                  tax bigint NOT NULL CHECK (tax >= 0), from_invoices bigint NOT NULL CHECK (from_invoices >= 0), \
                  from_surplus bigint NOT NULL CHECK (from_surplus >= 0), reason text NOT NULL, evidence_due text, told text NOT NULL, \
                  note text NOT NULL, provider_charge_id text NOT NULL, created_at {time} NOT NULL, updated_at {time} NOT NULL, \
                  ended_at {time}, PRIMARY KEY (tenant, id), UNIQUE (tenant, provider_charge_id), \
                  CHECK (credit + tax + from_invoices = amount), CHECK ((top_up_id IS NULL) <> (charge_id IS NULL)), \
                  FOREIGN KEY (tenant, wallet_id) REFERENCES wallets (tenant, id)",
        indexes: &[
            "CREATE INDEX disputes_of_customer ON disputes (tenant, customer_id, id)",
            "CREATE INDEX disputes_by_state ON disputes (tenant, state, id)",
            "CREATE INDEX disputes_of_method ON disputes (tenant, method_id)",
        ],
        guard: Guard::Tenant,
    }];

    pub const STEP: Step = Step {
        name: "wallet_0010_disputes",
        postgres: &[],
        statements: STATEMENTS,
        tables: TABLES,
    };
}

/// Notices before bought credit expires, and what top-ups say of it.
pub mod expiry_notices {
    use crate::ddl::{DataStep, Guard, Step, Table};

    const STATEMENTS: &[&str] = &[
        "ALTER TABLE top_ups ADD COLUMN expires_at {time}",
        "UPDATE top_ups SET expires_at = (SELECT l.expires_at FROM lots l WHERE l.tenant = top_ups.tenant AND l.id = top_ups.lot_id) \
         WHERE lot_id IS NOT NULL",
        // Wallets that have such credit already are looked through once, a page in each
        // transaction; the instant has been, by any clock.
        "INSERT INTO due (tenant, job, subject, due_at, ordinal) SELECT tenant, 'plan_expiry_notices', '', MIN(created_at), 0 FROM lots \
         WHERE live AND kind = 'PURCHASED' AND expires_at IS NOT NULL GROUP BY tenant",
    ];

    const TABLES: &[Table] = &[Table {
        name: "expiry_notices",
        columns: "tenant text NOT NULL, lot_id {uuid} NOT NULL, days_before bigint NOT NULL, told_at {time} NOT NULL, \
                  PRIMARY KEY (tenant, lot_id, days_before), FOREIGN KEY (tenant, lot_id) REFERENCES lots (tenant, id)",
        indexes: &[],
        guard: Guard::AppendOnly,
    }];

    pub const STEP: DataStep = DataStep {
        step: Step {
            name: "wallet_0015_expiry_notices",
            postgres: &[],
            statements: STATEMENTS,
            tables: TABLES,
        },
        unguarded: &["top_ups", "lots", "due"],
    };
}

/// Several disputes of one charge, one after the other, and what refunds had meant to give back
/// meanwhile.
pub const DISPUTED_AGAIN: RebuildStep = RebuildStep {
    step: Step {
        name: "wallet_0021_disputed_again",
        postgres: &["ALTER TABLE disputes DROP CONSTRAINT disputes_tenant_provider_charge_id_key"],
        statements: &[
            "ALTER TABLE disputes ADD COLUMN provider_dispute_id text NOT NULL DEFAULT ''",
            "ALTER TABLE disputes ADD COLUMN unmoved bigint NOT NULL DEFAULT 0",
        ],
        tables: &[],
    },
    table: "disputes",
    without: ", UNIQUE (tenant, provider_charge_id)",
    indexes: &[
        "CREATE INDEX disputes_of_customer ON disputes (tenant, customer_id, id)",
        "CREATE INDEX disputes_by_state ON disputes (tenant, state, id)",
        "CREATE INDEX disputes_of_method ON disputes (tenant, method_id)",
    ],
    new_indexes: &[
        "CREATE UNIQUE INDEX disputes_at_provider ON disputes (tenant, provider_charge_id, provider_dispute_id)",
    ],
};

/// What is owed for use, by what left it. What is owed already has no rows: it is paid first, and
/// billed without a name of its own.
pub mod debts {
    use crate::ddl::{Guard, Step, Table};

    const TABLES: &[Table] = &[Table {
        name: "debts",
        columns: "tenant text NOT NULL, wallet_id {uuid} NOT NULL, sequence bigint NOT NULL, label text NOT NULL, \
                  amount bigint NOT NULL CHECK (amount > 0), currency text NOT NULL, PRIMARY KEY (tenant, wallet_id, sequence), \
                  FOREIGN KEY (tenant, wallet_id) REFERENCES wallets (tenant, id)",
        indexes: &[],
        guard: Guard::Tenant,
    }];

    pub const STEP: Step =
        Step { name: "wallet_0021_debts", postgres: &[], statements: &[], tables: TABLES };
}

/// When a closed month ended: in the zone that the tenant had then.
pub const CLOSING_ENDS: Step = Step {
    name: "wallet_0015_closing_ends",
    postgres: &[],
    statements: &["ALTER TABLE month_closings ADD COLUMN ended_at {time}"],
    tables: &[],
};

/// The lots that a dispute has taken credit from, which have it back if it is won. Of those from
/// before, only the sum is known.
pub const DISPUTED_LOTS: Step = Step {
    name: "wallet_0022_disputed_lots",
    postgres: &[],
    statements: &["ALTER TABLE disputes ADD COLUMN lots text NOT NULL DEFAULT '[]'"],
    tables: &[],
};

/// In which month the customer was told that its ceiling is reached.
pub const CEILING_TOLD: Step = Step {
    name: "wallet_0030_ceiling_told",
    postgres: &[],
    statements: &["ALTER TABLE auto_recharges ADD COLUMN ceiling_told_until {time}"],
    tables: &[],
};
