//! Steps of invoicing's schema about what banks tell of: lines, returns, the days of payments,
//! where to pay.

/// What people decide about bank lines.
pub mod bank {
    use crate::ddl::{Guard, Step, Table};

    pub const STEP: Step = Step {
        name: "invoicing_0004_bank",
        postgres: &[],
        statements: &[
            "ALTER TABLE bank_lines ADD COLUMN details text NOT NULL DEFAULT '{}'",
            "ALTER TABLE bank_lines ADD COLUMN return_id {uuid}",
            "CREATE UNIQUE INDEX bank_lines_by_return ON bank_lines (tenant, return_id) WHERE return_id IS NOT NULL",
            "ALTER TABLE tenants ADD COLUMN bank_automation text NOT NULL DEFAULT 'REFERENCE'",
        ],
        tables: &[],
    };

    /// What tells a booking from others, so that files may overlap; who paid before; and one import
    /// of a tenant at a time. Lines from before have no amount of a booking: each is a booking by
    /// itself. The column `reference` has been unique; it holds the line's id from now on, since
    /// banks repeat their references.
    pub const IDENTITY: Step = Step {
        name: "invoicing_0005_bank_identity",
        postgres: &[],
        statements: &[
            "ALTER TABLE bank_lines ADD COLUMN account_key text NOT NULL DEFAULT ''",
            "ALTER TABLE bank_lines ADD COLUMN payer_key text NOT NULL DEFAULT ''",
            "ALTER TABLE bank_lines ADD COLUMN booking_amount bigint",
            "ALTER TABLE bank_lines ADD COLUMN booking text NOT NULL DEFAULT ''",
            "CREATE INDEX bank_lines_by_day ON bank_lines (tenant, booked_on, currency)",
            "CREATE INDEX bank_lines_by_payer ON bank_lines (tenant, payer_key, customer_id) WHERE payer_key <> ''",
        ],
        tables: &[Table {
            name: "bank_imports",
            columns: "tenant text PRIMARY KEY, payer_secret text NOT NULL",
            indexes: &[],
            guard: Guard::Tenant,
        }],
    };

    /// Where an announced transfer goes, and what finds it by its reference; what was open when a
    /// later version of an invoice was issued. Of those from before nothing is known: they have no
    /// code for payment apps.
    pub const DETAILS: Step = Step {
        name: "invoicing_0008_bank_details",
        postgres: &[],
        statements: &[
            "ALTER TABLE payments ADD COLUMN bank_details text NOT NULL DEFAULT ''",
            "CREATE INDEX payments_by_reference ON payments (tenant, reference) WHERE reference <> ''",
            "ALTER TABLE invoice_versions ADD COLUMN open_amount bigint NOT NULL DEFAULT 0 CHECK (open_amount >= 0)",
        ],
        tables: &[],
    };

    /// Credits that the bank takes back are lines too. Amounts stay above zero; the column says
    /// which way the money went.
    pub const RETURNS: Step = Step {
        name: "invoicing_0006_returns",
        postgres: &[],
        statements: &["ALTER TABLE bank_lines ADD COLUMN is_return boolean NOT NULL DEFAULT false"],
        tables: &[],
    };
}

/// The days on which payments count as made, and what stands paid of each invoice by day.
pub mod days {
    use crate::ddl::{DataStep, Step};

    const STATEMENTS: &[&str] = &[
        "ALTER TABLE payments ADD COLUMN effective_on text",
        "ALTER TABLE invoices ADD COLUMN paid_by_day text NOT NULL DEFAULT ''",
        "ALTER TABLE invoices ADD COLUMN no_consequence_before text",
        // A transfer counts from the day of its booking, anything else from the day of its request
        // in UTC: a later change may be that a part was given back.
        "UPDATE payments SET effective_on = coalesce((SELECT min(l.booked_on) FROM bank_lines l \
         WHERE l.tenant = payments.tenant AND l.payment_id = payments.id), substr(CAST(created_at AS text), 1, 10)) \
         WHERE state IN ('SUCCEEDED', 'PARTIAL')",
        "UPDATE invoices SET paid_by_day = coalesce((SELECT string_agg(d.day || ':' || CAST(d.amount AS text), ' ') FROM \
         (SELECT CASE WHEN p.effective_on < i.issue_date THEN i.issue_date ELSE p.effective_on END AS day, sum(a.paid) AS amount \
         FROM payment_allocations a JOIN payments p ON p.tenant = a.tenant AND p.id = a.payment_id \
         JOIN invoices i ON i.tenant = a.tenant AND i.id = a.invoice_id \
         WHERE a.tenant = invoices.tenant AND a.invoice_id = invoices.id AND a.paid > 0 AND p.effective_on IS NOT NULL \
         GROUP BY 1) AS d), '') WHERE paid > 0",
    ];

    pub const STEP: DataStep = DataStep {
        step: Step {
            name: "invoicing_0007_effective_days",
            postgres: &[],
            statements: STATEMENTS,
            tables: &[],
        },
        unguarded: &["invoices", "payments", "payment_allocations", "bank_lines"],
    };
}
