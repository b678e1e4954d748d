//! The schema of the plans service.

use crate::{
    ddl::{SchemaStep, Step},
    system,
};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// All migrations of plans, in order.
#[derive(Debug)]
pub struct Plans;

/// The tenant's calendar never goes back.
const ZONES: Step = Step {
    name: "plans_0006_periods",
    postgres: &[],
    statements: &[system::DAY_REACHED],
    tables: &[],
};

impl MigratorTrait for Plans {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        Self::steps().into_iter().map(|step| step as Box<dyn MigrationTrait>).collect()
    }
}

impl Plans {
    /// The steps, in order.
    #[must_use]
    pub fn steps() -> Vec<Box<dyn SchemaStep>> {
        vec![
            Box::new(system::STEP),
            Box::new(system::CLOCKS),
            Box::new(register::STEP),
            Box::new(system::FEWER_INDEXES),
            Box::new(system::GUARDED),
            Box::new(on_time::STEP),
            Box::new(lists::STEP),
            Box::new(new_methods::STEP),
            Box::new(ZONES),
            Box::new(system::event_log("plans_0020_events")),
            Box::new(system::webhooks("plans_0023_webhooks")),
            Box::new(crate::external_ids::PLANS),
            Box::new(waits::STEP),
        ]
    }
}

/// Settings, plans with what they cover and their instalments, and their history.
mod register {
    use crate::ddl::{Guard, Step, Table};

    const TABLES: &[Table] = &[
        Table {
            name: "plan_settings",
            columns: "tenant text PRIMARY KEY, allowed boolean NOT NULL, kinds text NOT NULL, max_instalments bigint NOT NULL, \
                      max_days bigint NOT NULL, min_instalments text NOT NULL, lead_days bigint NOT NULL, answer_days bigint NOT NULL, \
                      grace_days bigint NOT NULL, consequence text NOT NULL, max_proposals bigint NOT NULL, approval_band text NOT NULL, \
                      refusal_band text NOT NULL, version bigint NOT NULL",
            indexes: &[],
            guard: Guard::Tenant,
        },
        Table {
            name: "plans",
            columns: "tenant text NOT NULL, id {uuid} NOT NULL, customer_id {uuid} NOT NULL, state text NOT NULL, currency text NOT NULL, \
                      collect_automatically boolean NOT NULL, note text NOT NULL, explanation text NOT NULL, answer_days bigint NOT NULL, \
                      grace_days bigint NOT NULL, accelerates boolean NOT NULL, answer_by {time}, late_since text, breached_on text, reinstated_on text, \
                      attempt_id {uuid}, attempt_under_way boolean NOT NULL, attempt_amount bigint NOT NULL, \
                      attempt_later bigint NOT NULL, attempt_told_at {time}, attempt_failures bigint NOT NULL, \
                      attempt_first_failed_at {time}, attempt_next_at {time}, attempt_waits boolean NOT NULL, attempt_reason text NOT NULL, attempt_through text, \
                      moving text NOT NULL, moving_side text NOT NULL, moving_subject text NOT NULL, moving_explanation text NOT NULL, \
                      moves bigint NOT NULL, next_due text, version bigint NOT NULL, created_at {time} NOT NULL, updated_at {time} NOT NULL, \
                      PRIMARY KEY (tenant, id)",
            indexes: &[
                "CREATE INDEX plans_of_customer ON plans (tenant, customer_id, id)",
                "CREATE INDEX plans_by_next_due ON plans (tenant, next_due) WHERE next_due IS NOT NULL",
                "CREATE UNIQUE INDEX plans_by_attempt ON plans (tenant, attempt_id) WHERE attempt_id IS NOT NULL",
            ],
            guard: Guard::Tenant,
        },
        Table {
            name: "covered_invoices",
            columns: "tenant text NOT NULL, plan_id {uuid} NOT NULL, invoice_id {uuid} NOT NULL, place bigint NOT NULL, number text NOT NULL, \
                      due_on text NOT NULL, covered bigint NOT NULL, paid_before bigint NOT NULL, open bigint NOT NULL CHECK (open >= 0), \
                      paid bigint NOT NULL, currency text NOT NULL, expected bigint NOT NULL, revision bigint NOT NULL, live boolean NOT NULL, proposed_at {time} NOT NULL, \
                      PRIMARY KEY (tenant, plan_id, invoice_id), FOREIGN KEY (tenant, plan_id) REFERENCES plans (tenant, id)",
            indexes: &[
                "CREATE INDEX covered_by_invoice ON covered_invoices (tenant, invoice_id, proposed_at)",
                // An invoice is in one live plan at most.
                "CREATE UNIQUE INDEX covered_live ON covered_invoices (tenant, invoice_id) WHERE live",
            ],
            guard: Guard::Tenant,
        },
        Table {
            name: "offers",
            columns: "tenant text NOT NULL, plan_id {uuid} NOT NULL, place bigint NOT NULL, schedule text NOT NULL, side text NOT NULL, \
                      subject text NOT NULL, explanation text NOT NULL, PRIMARY KEY (tenant, plan_id, place), \
                      FOREIGN KEY (tenant, plan_id) REFERENCES plans (tenant, id)",
            indexes: &[],
            guard: Guard::Tenant,
        },
        Table {
            name: "instalments",
            columns: "tenant text NOT NULL, plan_id {uuid} NOT NULL, offer bigint NOT NULL, place bigint NOT NULL, due_on text NOT NULL, \
                      planned bigint NOT NULL CHECK (planned >= 0), amount bigint NOT NULL CHECK (amount >= 0), \
                      paid bigint NOT NULL CHECK (paid >= 0 AND paid <= amount), currency text NOT NULL, announced_at {time}, \
                      PRIMARY KEY (tenant, plan_id, offer, place), FOREIGN KEY (tenant, plan_id) REFERENCES plans (tenant, id)",
            indexes: &[],
            guard: Guard::Tenant,
        },
        Table {
            name: "plan_history",
            columns: "tenant text NOT NULL, plan_id {uuid} NOT NULL, sequence bigint NOT NULL, verb text NOT NULL, from_state text NOT NULL, \
                      to_state text NOT NULL, side text NOT NULL, subject text NOT NULL, explanation text NOT NULL, at {time} NOT NULL, \
                      PRIMARY KEY (tenant, plan_id, sequence), FOREIGN KEY (tenant, plan_id) REFERENCES plans (tenant, id)",
            indexes: &["CREATE INDEX plan_history_by_verb ON plan_history (tenant, verb, plan_id)"],
            guard: Guard::AppendOnly,
        },
    ];

    pub const STEP: Step =
        Step { name: "plans_0001", postgres: &[], statements: &[], tables: TABLES };
}

/// On time by effective day: what is paid by which day, what was missed, which breaches stand.
mod on_time {
    use crate::ddl::{DataStep, Step};

    const STATEMENTS: &[&str] = &[
        "ALTER TABLE covered_invoices ADD COLUMN paid_by_day text NOT NULL DEFAULT ''",
        "ALTER TABLE covered_invoices ADD COLUMN no_consequence_before text",
        "ALTER TABLE instalments ADD COLUMN missed boolean NOT NULL DEFAULT false",
        "ALTER TABLE plans ADD COLUMN breach_count bigint NOT NULL DEFAULT 0",
        "ALTER TABLE plans ADD COLUMN breach_last_day text",
        "ALTER TABLE plans ADD COLUMN breach_disproved boolean NOT NULL DEFAULT false",
        "ALTER TABLE plans ADD COLUMN breach_disproved_at bigint",
        "ALTER TABLE plans ADD COLUMN restart_refused boolean NOT NULL DEFAULT false",
        "ALTER TABLE plans ADD COLUMN paid_at_completion bigint",
        "UPDATE plans SET breach_count = (SELECT count(*) FROM plan_history h \
         WHERE h.tenant = plans.tenant AND h.plan_id = plans.id AND h.verb = 'BREACH')",
        // What was missed is known by the history: the newest instalment that was due when the plan
        // became late, the day after, which is the same day in UTC where midnight comes earlier.
        "UPDATE instalments SET missed = true WHERE offer = 1 AND EXISTS (SELECT 1 FROM plan_history h \
         WHERE h.tenant = instalments.tenant AND h.plan_id = instalments.plan_id AND h.verb = 'MISS' AND instalments.due_on = \
         (SELECT max(o.due_on) FROM instalments o WHERE o.tenant = h.tenant AND o.plan_id = h.plan_id AND o.offer = 1 \
         AND o.due_on <= substr(CAST(h.at AS text), 1, 10)))",
    ];

    pub const STEP: DataStep = DataStep {
        step: Step {
            name: "plans_0002_on_time",
            postgres: &[],
            statements: STATEMENTS,
            tables: &[],
        },
        unguarded: &["plans", "instalments", "plan_history"],
    };
}

/// Another collection method is tried once.
mod new_methods {
    use crate::ddl::Step;

    pub const STEP: Step = Step {
        name: "plans_0004_new_methods",
        postgres: &[],
        statements: &[
            "ALTER TABLE plans ADD COLUMN next_attempt_is_last boolean NOT NULL DEFAULT false",
        ],
        tables: &[],
    };
}

/// What lists over all customers of a tenant read. A date that may be missing is empty in its
/// index: the databases disagree about where NULL comes.
mod lists {
    use crate::ddl::Step;

    const STATEMENTS: &[&str] = &[
        "CREATE INDEX plans_by_state ON plans (tenant, state, id)",
        "CREATE INDEX plans_in_order_of_due ON plans (tenant, (coalesce(next_due, '')), id)",
    ];

    pub const STEP: Step =
        Step { name: "plans_0003_lists", postgres: &[], statements: STATEMENTS, tables: &[] };
}

/// While a dispute has taken the only method, instalments wait.
mod waits {
    use crate::ddl::{Guard, Step, Table};

    pub const STEP: Step = Step {
        name: "plans_0025_collection_waits",
        postgres: &[],
        statements: &[],
        tables: &[Table {
            name: "collection_waits",
            columns: "tenant text NOT NULL, customer_id {uuid} NOT NULL, from_day text NOT NULL, PRIMARY KEY (tenant, customer_id)",
            indexes: &[],
            guard: Guard::Tenant,
        }],
    };
}
