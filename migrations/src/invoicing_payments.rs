//! The step of invoicing's schema about payments and what came with them: refunds, metered
//! services, approvals, receivables, bank lines, mails and receipts.

use crate::ddl::{Guard, Step, Table};

const TABLES: &[Table] = &[
    Table {
        name: "payments",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, customer_id {uuid} NOT NULL, state text NOT NULL, currency text NOT NULL, \
                  taxed boolean NOT NULL, automatic boolean NOT NULL, surplus bigint NOT NULL CHECK (surplus >= 0), \
                  bought bigint, bought_tax bigint, bought_taxed boolean, reference text NOT NULL, owner text NOT NULL, version bigint NOT NULL, created_at {time} NOT NULL, \
                  updated_at {time} NOT NULL, PRIMARY KEY (tenant, id), \
                  FOREIGN KEY (tenant, customer_id) REFERENCES customers (tenant, id)",
        indexes: &["CREATE INDEX payments_of_customer ON payments (tenant, customer_id, id)"],
        guard: Guard::Tenant,
    },
    Table {
        name: "payment_allocations",
        columns: "tenant text NOT NULL, payment_id {uuid} NOT NULL, place bigint NOT NULL, invoice_id {uuid} NOT NULL, \
                  amount bigint NOT NULL CHECK (amount > 0), reversed bigint NOT NULL, paid bigint NOT NULL, refunded bigint NOT NULL, \
                  deferred bigint NOT NULL CHECK (deferred >= 0), repays_line boolean NOT NULL, currency text NOT NULL, \
                  PRIMARY KEY (tenant, payment_id, place), CHECK (paid >= 0 AND refunded >= 0 AND paid + refunded + deferred <= amount), \
                  FOREIGN KEY (tenant, payment_id) REFERENCES payments (tenant, id), \
                  FOREIGN KEY (tenant, invoice_id) REFERENCES invoices (tenant, id)",
        indexes: &[
            "CREATE INDEX allocations_of_invoice ON payment_allocations (tenant, invoice_id)",
        ],
        guard: Guard::Tenant,
    },
    Table {
        name: "payment_tenders",
        columns: "tenant text NOT NULL, payment_id {uuid} NOT NULL, place bigint NOT NULL, kind text NOT NULL, method_id {uuid}, \
                  amount bigint NOT NULL CHECK (amount > 0), refunded bigint NOT NULL CHECK (refunded >= 0), charged_back bigint NOT NULL CHECK (charged_back >= 0), state text NOT NULL, \
                  decline_code text NOT NULL, currency text NOT NULL, PRIMARY KEY (tenant, payment_id, place), CHECK (refunded + charged_back <= amount), \
                  FOREIGN KEY (tenant, payment_id) REFERENCES payments (tenant, id)",
        indexes: &[],
        guard: Guard::Tenant,
    },
    Table {
        name: "refunds",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, invoice_id {uuid} NOT NULL, customer_id {uuid} NOT NULL, credit_note_id {uuid}, \
                  state text NOT NULL, amount bigint NOT NULL CHECK (amount > 0), currency text NOT NULL, version bigint NOT NULL, \
                  created_at {time} NOT NULL, updated_at {time} NOT NULL, PRIMARY KEY (tenant, id), \
                  FOREIGN KEY (tenant, invoice_id) REFERENCES invoices (tenant, id)",
        indexes: &["CREATE INDEX refunds_of_invoice ON refunds (tenant, invoice_id, id)"],
        guard: Guard::Tenant,
    },
    Table {
        name: "refund_parts",
        columns: "tenant text NOT NULL, refund_id {uuid} NOT NULL, place bigint NOT NULL, payment_id {uuid} NOT NULL, \
                  tender_place bigint NOT NULL, from_credit boolean NOT NULL, to_credit boolean NOT NULL, destination text NOT NULL, \
                  amount bigint NOT NULL CHECK (amount > 0), currency text NOT NULL, PRIMARY KEY (tenant, refund_id, place), \
                  FOREIGN KEY (tenant, refund_id) REFERENCES refunds (tenant, id)",
        indexes: &[],
        guard: Guard::Tenant,
    },
    Table {
        name: "metered_services",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, customer_id {uuid} NOT NULL, product text NOT NULL, display_name text NOT NULL, \
                  currency text NOT NULL, prices_include_tax boolean NOT NULL, tax_category text NOT NULL, term_kind text NOT NULL, \
                  term_days bigint NOT NULL, state text NOT NULL, overdue_since {time}, version bigint NOT NULL, created_at {time} NOT NULL, \
                  updated_at {time} NOT NULL, PRIMARY KEY (tenant, id), UNIQUE (tenant, customer_id, currency, product), \
                  FOREIGN KEY (tenant, customer_id) REFERENCES customers (tenant, id)",
        indexes: &[],
        guard: Guard::Tenant,
    },
    Table {
        name: "approvals",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, invoice_id {uuid} NOT NULL, customer_id {uuid} NOT NULL, kind text NOT NULL, \
                  amount bigint NOT NULL, currency text NOT NULL, state text NOT NULL, reason text NOT NULL, proposed_by text NOT NULL, decided_by text NOT NULL, \
                  explanation text NOT NULL, version bigint NOT NULL, created_at {time} NOT NULL, updated_at {time} NOT NULL, \
                  PRIMARY KEY (tenant, id), CHECK (decided_by = '' OR decided_by <> proposed_by), \
                  FOREIGN KEY (tenant, invoice_id) REFERENCES invoices (tenant, id)",
        indexes: &["CREATE INDEX approvals_by_state ON approvals (tenant, state, id)"],
        guard: Guard::Tenant,
    },
    Table {
        name: "receivables",
        columns: "tenant text NOT NULL, invoice_id {uuid} NOT NULL, place bigint NOT NULL, customer_id {uuid} NOT NULL, currency text NOT NULL, \
                  day text NOT NULL, kind text NOT NULL, amount bigint NOT NULL, PRIMARY KEY (tenant, invoice_id, place), \
                  FOREIGN KEY (tenant, invoice_id) REFERENCES invoices (tenant, id)",
        indexes: &["CREATE INDEX receivables_by_day ON receivables (tenant, day, customer_id)"],
        guard: Guard::AppendOnly,
    },
    Table {
        name: "statements",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, customer_id {uuid} NOT NULL, currency text NOT NULL, month text NOT NULL, \
                  opening bigint NOT NULL, issued bigint NOT NULL, credited bigint NOT NULL, written_off bigint NOT NULL, paid bigint NOT NULL, \
                  closing bigint NOT NULL, created_at {time} NOT NULL, PRIMARY KEY (tenant, id), \
                  UNIQUE (tenant, customer_id, currency, month), CHECK (opening + issued - credited - written_off - paid = closing), \
                  FOREIGN KEY (tenant, customer_id) REFERENCES customers (tenant, id)",
        indexes: &["CREATE INDEX statements_of_month ON statements (tenant, month, customer_id)"],
        guard: Guard::AppendOnly,
    },
    Table {
        name: "bank_lines",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, account text NOT NULL, reference text NOT NULL, booked_on text NOT NULL, \
                  amount bigint NOT NULL CHECK (amount > 0), currency text NOT NULL, payer text NOT NULL, text text NOT NULL, \
                  state text NOT NULL, invoice_id {uuid}, customer_id {uuid}, payment_id {uuid}, created_at {time} NOT NULL, \
                  PRIMARY KEY (tenant, id), UNIQUE (tenant, account, reference)",
        indexes: &[
            "CREATE INDEX bank_lines_by_state ON bank_lines (tenant, state, id)",
            "CREATE INDEX bank_lines_by_invoice ON bank_lines (tenant, invoice_id)",
        ],
        guard: Guard::Tenant,
    },
    Table {
        name: "invoice_versions",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, invoice_id {uuid} NOT NULL, customer_id {uuid} NOT NULL, version bigint NOT NULL, \
                  number text NOT NULL, issue_date text NOT NULL, seller text NOT NULL, buyer text NOT NULL, mentions text NOT NULL, \
                  reason text NOT NULL, created_at {time} NOT NULL, PRIMARY KEY (tenant, id), UNIQUE (tenant, invoice_id, version), \
                  FOREIGN KEY (tenant, invoice_id) REFERENCES invoices (tenant, id)",
        indexes: &[
            "CREATE INDEX invoice_versions_of_customer ON invoice_versions (tenant, customer_id, id)",
        ],
        guard: Guard::AppendOnly,
    },
    Table {
        name: "mails",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, customer_id {uuid}, kind text NOT NULL, recipients text NOT NULL, \
                  subject text NOT NULL, text_body text NOT NULL, attachments text NOT NULL, state text NOT NULL, attempts bigint NOT NULL, \
                  failure text NOT NULL, version bigint NOT NULL, created_at {time} NOT NULL, updated_at {time} NOT NULL, \
                  PRIMARY KEY (tenant, id)",
        indexes: &["CREATE INDEX mails_of_customer ON mails (tenant, customer_id, id)"],
        guard: Guard::Tenant,
    },
    Table {
        name: "mail_templates",
        columns: "tenant text NOT NULL, kind text NOT NULL, locale text NOT NULL, subject text NOT NULL, text_body text NOT NULL, \
                  PRIMARY KEY (tenant, kind, locale)",
        indexes: &[],
        guard: Guard::Tenant,
    },
    Table {
        name: "receipts",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, customer_id {uuid} NOT NULL, top_up_id {uuid} NOT NULL, wallet_id {uuid} NOT NULL, \
                  number text NOT NULL, issue_date text NOT NULL, taxed boolean NOT NULL, rate_millionths bigint NOT NULL, \
                  sentence text NOT NULL, net bigint NOT NULL, tax bigint NOT NULL, amount bigint NOT NULL CHECK (amount > 0), \
                  currency text NOT NULL, seller text NOT NULL, buyer text NOT NULL, mentions text NOT NULL, created_at {time} NOT NULL, \
                  PRIMARY KEY (tenant, id), UNIQUE (tenant, number), UNIQUE (tenant, top_up_id), CHECK (net + tax = amount), \
                  FOREIGN KEY (tenant, customer_id) REFERENCES customers (tenant, id)",
        indexes: &["CREATE INDEX receipts_of_customer ON receipts (tenant, customer_id, id)"],
        guard: Guard::AppendOnly,
    },
];

/// Payments: what they reserve and what they pay with.
pub const STEP: Step = Step {
    name: "invoicing_0003_payments",
    postgres: &[],
    statements: &[
        "ALTER TABLE customers ADD COLUMN contacts text NOT NULL DEFAULT '[]'",
        "ALTER TABLE tenants ADD COLUMN overpayment_refused boolean NOT NULL DEFAULT false",
        "ALTER TABLE tenants ADD COLUMN business text NOT NULL DEFAULT '{}'",
        "ALTER TABLE tenants ADD COLUMN suspend_after_days bigint",
        "ALTER TABLE tenants ADD COLUMN reminder_days text NOT NULL DEFAULT ''",
        "ALTER TABLE invoices ADD COLUMN blocked_since text",
        "ALTER TABLE invoices ADD COLUMN blocked_days bigint NOT NULL DEFAULT 0",
        "ALTER TABLE invoices ADD COLUMN reminded text NOT NULL DEFAULT ''",
        "ALTER TABLE invoices ADD COLUMN reminded_on text",
        "ALTER TABLE invoices ADD COLUMN reminded_from text",
        "ALTER TABLE invoices ADD COLUMN service_id {uuid}",
        "ALTER TABLE invoices ADD COLUMN service_month text",
        "ALTER TABLE invoices ADD COLUMN top_up text NOT NULL DEFAULT ''",
        "ALTER TABLE invoices ADD COLUMN notice_account {uuid}",
        "ALTER TABLE invoices ADD COLUMN notice_amount bigint NOT NULL DEFAULT 0",
        "ALTER TABLE invoices ADD COLUMN notice_at {time}",
        "ALTER TABLE invoices ADD COLUMN usage_closing {uuid}",
        "ALTER TABLE invoices ADD COLUMN usage_wallet {uuid}",
        "ALTER TABLE invoices ADD COLUMN usage_month text",
        "ALTER TABLE invoices ADD COLUMN usage_agreement {uuid}",
        "ALTER TABLE invoices ADD COLUMN deferral_line {uuid}",
        "ALTER TABLE invoices ADD COLUMN deferral_draw {uuid}",
        "ALTER TABLE invoices ADD COLUMN deferral_amount bigint NOT NULL DEFAULT 0",
        "ALTER TABLE invoices ADD COLUMN purchased_on text",
        "ALTER TABLE invoices ADD COLUMN deferral_plans boolean NOT NULL DEFAULT false",
        "CREATE UNIQUE INDEX invoices_prepaid_month ON invoices (tenant, usage_closing) WHERE usage_closing IS NOT NULL AND usage_agreement IS NULL",
        "CREATE UNIQUE INDEX invoices_postpaid_month ON invoices (tenant, usage_closing) WHERE usage_agreement IS NOT NULL",
        "ALTER TABLE tenants ADD COLUMN approval_limits text NOT NULL DEFAULT '[]'",
        "ALTER TABLE tenants ADD COLUMN transfer_tolerances text NOT NULL DEFAULT '[[\"AUD\",50000000]]'",
        "CREATE UNIQUE INDEX invoices_of_service ON invoices (tenant, service_id, service_month) WHERE service_id IS NOT NULL",
        "ALTER TABLE invoices ADD COLUMN mentions text NOT NULL DEFAULT ''",
        "ALTER TABLE invoices ADD COLUMN collect_automatically boolean NOT NULL DEFAULT false",
        "ALTER TABLE invoices ADD COLUMN collection_state text NOT NULL DEFAULT 'OFF'",
        "ALTER TABLE invoices ADD COLUMN failed_attempts bigint NOT NULL DEFAULT 0",
        "ALTER TABLE invoices ADD COLUMN first_failed_at {time}",
        "ALTER TABLE invoices ADD COLUMN next_attempt_at {time}",
        "ALTER TABLE invoices ADD COLUMN collection_reason text NOT NULL DEFAULT ''",
        "ALTER TABLE invoices ADD COLUMN block_reason text NOT NULL DEFAULT ''",
        "ALTER TABLE invoices ADD COLUMN block_owner text NOT NULL DEFAULT ''",
        "CREATE INDEX invoices_blocked ON invoices (tenant, customer_id, block_reason) WHERE block_reason <> ''",
    ],
    tables: TABLES,
};
