//! Collections, refunds and disputes of invoices: what grew after the first schema.

use crate::ddl::{CheckStep, DataStep, Guard, Step, Table};

/// Another collection method is tried once.
pub const NEW_METHODS: Step = Step {
    name: "invoicing_0013_new_methods",
    postgres: &[],
    statements: &[
        "ALTER TABLE invoices ADD COLUMN next_try_is_last boolean NOT NULL DEFAULT false",
        "CREATE INDEX invoices_stopped ON invoices (tenant, customer_id, id) \
         WHERE state = 'OPEN' AND collection_state IN ('FAILED', 'REQUIRES_ACTION')",
    ],
    tables: &[],
};

/// Disputes of the wallet, as far as they are taken in; the credit notes of receipts that they
/// make, and the receipts after they are won.
pub const DISPUTES: Step = Step {
    name: "invoicing_0015_disputes",
    postgres: &[],
    statements: &[
        "ALTER TABLE invoices ADD COLUMN disputed_by text NOT NULL DEFAULT ''",
        "ALTER TABLE receipt_credit_notes ADD COLUMN of_dispute boolean NOT NULL DEFAULT false",
        "ALTER TABLE receipts ADD COLUMN disputed_top_up_id {uuid}",
        "CREATE INDEX receipts_of_disputed ON receipts (tenant, disputed_top_up_id) WHERE disputed_top_up_id IS NOT NULL",
    ],
    tables: &[Table {
        name: "disputes",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, customer_id {uuid} NOT NULL, applied text NOT NULL, parts text NOT NULL, \
                  surplus bigint NOT NULL CHECK (surplus >= 0), currency text NOT NULL, told {bytes} NOT NULL, PRIMARY KEY (tenant, id)",
        indexes: &[
            "CREATE INDEX disputes_of_customer ON disputes (tenant, customer_id, id) WHERE applied = 'OPENED'",
        ],
        guard: Guard::Tenant,
    }],
};

/// What the wallet gives back of bought credit corrects its receipt.
pub const RECEIPT_CREDIT_NOTES: Step = Step {
    name: "invoicing_0014_receipt_credit_notes",
    postgres: &[],
    statements: &[],
    tables: &[Table {
        name: "receipt_credit_notes",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, customer_id {uuid} NOT NULL, receipt_id {uuid} NOT NULL, \
                  refund_id {uuid} NOT NULL, number text NOT NULL, issue_date text NOT NULL, rate_millionths bigint NOT NULL, \
                  sentence text NOT NULL, net bigint NOT NULL, tax bigint NOT NULL, amount bigint NOT NULL CHECK (amount > 0), \
                  currency text NOT NULL, explanation text NOT NULL, created_at {time} NOT NULL, PRIMARY KEY (tenant, id), \
                  UNIQUE (tenant, number), UNIQUE (tenant, refund_id), CHECK (net + tax = amount), \
                  FOREIGN KEY (tenant, receipt_id) REFERENCES receipts (tenant, id)",
        indexes: &[
            "CREATE INDEX receipt_credit_notes_of_receipt ON receipt_credit_notes (tenant, receipt_id, id)",
            "CREATE INDEX receipt_credit_notes_of_customer ON receipt_credit_notes (tenant, customer_id, id)",
        ],
        guard: Guard::AppendOnly,
    }],
};

/// A transfer that is announced again reserves nothing; a collection that waited for a payment
/// knows it.
pub const PERIODS: CheckStep = CheckStep {
    step: Step {
        name: "invoicing_0017_periods",
        postgres: &[],
        statements: &[
            "ALTER TABLE invoices ADD COLUMN announcement text NOT NULL DEFAULT ''",
            "ALTER TABLE invoices ADD COLUMN collection_put_off boolean NOT NULL DEFAULT false",
        ],
        tables: &[],
    },
    table: "payment_allocations",
    constraint: "payment_allocations_amount_check",
    before: "amount > 0",
    after: "amount >= 0",
};

/// Transfers back to payers: what is to be made, what was made, and to which account, as a hash
/// under a key of the tenant.
pub const TRANSFERS_BACK: Step = Step {
    name: "invoicing_0018_transfers_back",
    postgres: &[],
    statements: &[],
    tables: &[Table {
        name: "transfer_refunds",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, customer_id {uuid} NOT NULL, payment_id {uuid} NOT NULL, bank_line_id {uuid} NOT NULL, \
                  credit_from text NOT NULL, state text NOT NULL, credit bigint NOT NULL CHECK (credit > 0), \
                  tax bigint NOT NULL CHECK (tax >= 0), currency text NOT NULL, account_key text NOT NULL, account_end text NOT NULL, \
                  reference text NOT NULL, explanation text NOT NULL, refusal text NOT NULL, sent_on text, bank_reference text NOT NULL, \
                  ending_id {uuid}, credit_note_id {uuid}, invoice_id {uuid}, ended_at {time}, version bigint NOT NULL, \
                  created_at {time} NOT NULL, updated_at {time} NOT NULL, PRIMARY KEY (tenant, id), \
                  FOREIGN KEY (tenant, payment_id) REFERENCES payments (tenant, id)",
        indexes: &[
            "CREATE INDEX transfer_refunds_of_customer ON transfer_refunds (tenant, customer_id, id)",
            "CREATE INDEX transfer_refunds_of_payment ON transfer_refunds (tenant, payment_id)",
            "CREATE INDEX transfer_refunds_of_state ON transfer_refunds (tenant, state, id)",
            "CREATE INDEX transfer_refunds_of_account ON transfer_refunds (tenant, account_key)",
            "CREATE UNIQUE INDEX transfer_refunds_of_ending ON transfer_refunds (tenant, ending_id) WHERE ending_id IS NOT NULL",
        ],
        guard: Guard::Tenant,
    }],
};

/// A receipt says until when its credit can be used; those from before do not change.
pub const EXPIRY_NOTICES: Step = Step {
    name: "invoicing_0019_expiry_notices",
    postgres: &[],
    statements: &["ALTER TABLE receipts ADD COLUMN expires_on text"],
    tables: &[],
};

/// Transfers back: who entered an account that the bank had not named, the day on which they were
/// recorded, and the line by which the bank sent one back. What was sent before counts for the day
/// that the bank made it.
pub const TRANSFERS_SENT_BACK: DataStep = DataStep {
    step: Step {
        name: "invoicing_0021_transfers_sent_back",
        postgres: &[],
        statements: &[
            "ALTER TABLE transfer_refunds ADD COLUMN account_evidence text NOT NULL DEFAULT ''",
            "ALTER TABLE transfer_refunds ADD COLUMN asked_by text NOT NULL DEFAULT ''",
            "ALTER TABLE transfer_refunds ADD COLUMN recorded_on text",
            "ALTER TABLE transfer_refunds ADD COLUMN returned_by_line_id {uuid}",
            "ALTER TABLE transfer_refunds ADD COLUMN returned_on text",
            "CREATE INDEX transfer_refunds_of_reference ON transfer_refunds (tenant, reference)",
            "UPDATE transfer_refunds SET recorded_on = sent_on WHERE state = 'SENT'",
        ],
        tables: &[],
    },
    unguarded: &["transfer_refunds"],
};

/// What is given back and taken back stands on the statement of the month that it was, whatever
/// zone the tenant moves to.
pub const STATEMENT_DAYS: Step = Step {
    name: "invoicing_0019_statement_days",
    postgres: &[],
    statements: &["ALTER TABLE refunds ADD COLUMN day text"],
    tables: &[Table {
        name: "taken_back",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, kind text NOT NULL, customer_id {uuid} NOT NULL, day text NOT NULL, \
                  amount bigint NOT NULL CHECK (amount <> 0), currency text NOT NULL, PRIMARY KEY (tenant, id, kind)",
        indexes: &["CREATE INDEX taken_back_of_customer ON taken_back (tenant, customer_id, day)"],
        guard: Guard::AppendOnly,
    }],
};

/// A refund may correct several receipts: notes after its first have their own id as `refund_id`,
/// which is unique, and name it here. A receipt that a won dispute brought names those that it
/// stands for. A statement reads all disputes of its customer.
pub const STANDING_RECEIPTS: Step = Step {
    name: "invoicing_0022_standing_receipts",
    postgres: &[],
    statements: &[
        "ALTER TABLE receipt_credit_notes ADD COLUMN further_of {uuid}",
        "ALTER TABLE receipts ADD COLUMN replaced_numbers text NOT NULL DEFAULT ''",
        "ALTER TABLE receipts ADD COLUMN paid_on text",
        "CREATE INDEX disputes_of_customer_all ON disputes (tenant, customer_id, id)",
    ],
    tables: &[],
};

/// A refund of bought credit may be heard of before the receipt that it corrects is there again.
pub const WAITING_REFUNDS: Step = Step {
    name: "invoicing_0026_waiting_refunds",
    postgres: &[],
    statements: &[],
    tables: &[Table {
        name: "waiting_refunds",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, told {bytes} NOT NULL, PRIMARY KEY (tenant, id)",
        indexes: &[],
        guard: Guard::Tenant,
    }],
};

/// What is known of payment plans, and of methods that can be charged.
pub const PLANS_AND_METHODS: Step = Step {
    name: "invoicing_0028_plans_and_methods",
    postgres: &[],
    statements: &[],
    tables: &[
        Table {
            name: "collection_methods",
            columns: "tenant text NOT NULL, customer_id {uuid} NOT NULL, last_day text NOT NULL, PRIMARY KEY (tenant, customer_id)",
            indexes: &[],
            guard: Guard::Tenant,
        },
        Table {
            name: "plan_copies",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, told {bytes} NOT NULL, PRIMARY KEY (tenant, id)",
            indexes: &[],
            guard: Guard::Tenant,
        },
        Table {
            name: "plan_periods",
            columns: "tenant text NOT NULL, plan_id {uuid} NOT NULL, invoice_id {uuid} NOT NULL, customer_id {uuid} NOT NULL, \
                      begun_at {time} NOT NULL, ended_at {time}, PRIMARY KEY (tenant, plan_id, invoice_id, begun_at)",
            indexes: &[
                "CREATE INDEX plan_periods_of_customer ON plan_periods (tenant, customer_id, begun_at)",
            ],
            guard: Guard::Tenant,
        },
    ],
};

/// Existing customers count as having a chargeable method until the wallet reports their methods
/// again, so no mail says wrongly that no method is saved.
pub const METHODS_BEFORE: DataStep = DataStep {
    step: Step {
        name: "invoicing_0028_methods_before",
        postgres: &[],
        statements: &[
            "INSERT INTO collection_methods (tenant, customer_id, last_day) SELECT tenant, id, '9999-12-31' FROM customers",
        ],
        tables: &[],
    },
    unguarded: &["customers", "collection_methods"],
};

/// While a dispute has taken the only method, collections wait: statements ask since when and until
/// when.
pub const COLLECTION_WAITS: Step = Step {
    name: "invoicing_0035_collection_waits",
    postgres: &[],
    statements: &[],
    tables: &[Table {
        name: "collection_waits",
        columns: "tenant text NOT NULL, invoice_id {uuid} NOT NULL, customer_id {uuid} NOT NULL, begun_at {time} NOT NULL, ended_at {time}, \
                  PRIMARY KEY (tenant, invoice_id, begun_at), FOREIGN KEY (tenant, invoice_id) REFERENCES invoices (tenant, id)",
        indexes: &[
            "CREATE INDEX collection_waits_of_customer ON collection_waits (tenant, customer_id, begun_at)",
        ],
        guard: Guard::Tenant,
    }],
};

/// Which trace a mail belongs to.
pub const MAIL_TRACES: Step = Step {
    name: "invoicing_0033_mail_traces",
    postgres: &[],
    statements: &["ALTER TABLE mails ADD COLUMN trace_parent text NOT NULL DEFAULT ''"],
    tables: &[],
};

/// Since when nothing of an invoice is open, and which methods its customer has.
pub const CLOSED_ON: Step = Step {
    name: "invoicing_0034_closed_on",
    postgres: &[],
    statements: &["ALTER TABLE invoices ADD COLUMN closed_on text"],
    tables: &[Table {
        name: "method_copies",
        columns: "tenant text NOT NULL, customer_id {uuid} NOT NULL, told {bytes} NOT NULL, PRIMARY KEY (tenant, customer_id)",
        indexes: &[],
        guard: Guard::Tenant,
    }],
};
