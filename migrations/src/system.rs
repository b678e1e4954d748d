//! The tables of the chassis, the same in every service's schema.

use crate::ddl::{Guard, SERVICE_ONLY, Step, Table};

/// Function that row-level security asks: it raises where no tenant is set.
const TENANTS: &str = "CREATE FUNCTION payterms_tenants() RETURNS text[] LANGUAGE plpgsql STABLE AS $$ \
     DECLARE tenants text := current_setting('payterms.tenants', true); \
     BEGIN IF tenants IS NULL OR tenants = '' THEN RAISE EXCEPTION 'payterms.tenants is not set'; END IF; \
     RETURN string_to_array(tenants, ','); END $$";

const TABLES: &[Table] = &[
    Table {
        name: "tenant_states",
        columns: "tenant text PRIMARY KEY, suspended boolean NOT NULL, time_zone text NOT NULL, \
                  clock_now {time}, clock_seed {bytes}, clock_run text, due_count bigint NOT NULL DEFAULT 0",
        indexes: &[],
        guard: Guard::System,
    },
    Table {
        name: "requests",
        columns: "tenant text NOT NULL, request_id {uuid} NOT NULL, method text NOT NULL, input_hash {bytes} NOT NULL, answer {bytes}, \
                  intent_id {uuid}, recorded_at {time} NOT NULL, PRIMARY KEY (tenant, request_id)",
        indexes: &[
            "CREATE INDEX requests_of_intent ON requests (tenant, intent_id) WHERE intent_id IS NOT NULL",
            "CREATE INDEX requests_by_time ON requests (tenant, recorded_at)",
        ],
        guard: Guard::Tenant,
    },
    Table {
        name: "aggregate_heads",
        columns: "tenant text NOT NULL, aggregate_type text NOT NULL, aggregate_id text NOT NULL, version bigint NOT NULL, \
                  before_hash {bytes}, state_hash {bytes} NOT NULL, PRIMARY KEY (tenant, aggregate_type, aggregate_id)",
        indexes: &[],
        guard: Guard::Tenant,
    },
    Table {
        name: "audit",
        columns: "id {uuid} NOT NULL, tenant text NOT NULL, request_id {uuid} NOT NULL, method text NOT NULL, actor text NOT NULL, \
                  aggregate_type text NOT NULL, aggregate_id text NOT NULL, version bigint NOT NULL, before_hash {bytes}, \
                  after_hash {bytes} NOT NULL, recorded_at {time} NOT NULL, PRIMARY KEY (tenant, id)",
        indexes: &[],
        guard: Guard::AppendOnly,
    },
    Table {
        name: "outbox",
        columns: "id {serial}, event_id {uuid} NOT NULL UNIQUE, tenant text NOT NULL, aggregate_type text NOT NULL, \
                  aggregate_id text NOT NULL, version bigint NOT NULL, event_type text NOT NULL, data {bytes} NOT NULL, \
                  trace_parent text NOT NULL, snapshot boolean NOT NULL, occurred_at {time} NOT NULL, recorded_at {time} NOT NULL, \
                  position bigint UNIQUE",
        indexes: &[
            "CREATE INDEX outbox_unplaced ON outbox (id) WHERE position IS NULL",
            "CREATE INDEX outbox_by_time ON outbox (recorded_at)",
        ],
        guard: Guard::System,
    },
    Table {
        name: "outbox_cursors",
        columns: "subscriber text PRIMARY KEY, position bigint NOT NULL",
        indexes: &[],
        guard: Guard::System,
    },
    Table {
        name: "inbox",
        columns: "event_id {uuid} PRIMARY KEY, source text NOT NULL, tenant text NOT NULL, aggregate_type text NOT NULL, \
                  aggregate_id text NOT NULL, version bigint NOT NULL, held {bytes}, attempts bigint NOT NULL, failure text NOT NULL, \
                  recorded_at {time} NOT NULL",
        indexes: &[
            "CREATE INDEX inbox_held ON inbox (source, tenant, aggregate_type, aggregate_id, version) WHERE held IS NOT NULL",
            "CREATE INDEX inbox_by_time ON inbox (recorded_at) WHERE held IS NULL",
        ],
        guard: Guard::System,
    },
    Table {
        name: "inbox_heads",
        columns: "source text NOT NULL, tenant text NOT NULL, aggregate_type text NOT NULL, aggregate_id text NOT NULL, \
                  version bigint NOT NULL, PRIMARY KEY (tenant, aggregate_type, aggregate_id, source)",
        indexes: &[],
        guard: Guard::System,
    },
    Table {
        name: "due",
        columns: "tenant text NOT NULL, job text NOT NULL, subject text NOT NULL, due_at {time} NOT NULL, claimed_until {time}, \
                  ordinal bigint NOT NULL, PRIMARY KEY (tenant, job, subject)",
        indexes: &["CREATE INDEX due_by_time ON due (due_at)"],
        guard: Guard::System,
    },
    Table {
        name: "intent_lease",
        columns: "tenant text NOT NULL, flow text NOT NULL, intent_id {uuid} NOT NULL, owner {uuid} NOT NULL, fence bigint NOT NULL, \
                  expires_at {time} NOT NULL, PRIMARY KEY (tenant, flow, intent_id)",
        indexes: &["CREATE INDEX intent_lease_by_expiry ON intent_lease (expires_at)"],
        guard: Guard::System,
    },
];

/// Ids of a test clock's tenant rise with each transaction, though the clock stands; a run that has
/// ended is remembered, so that what comes late from it does nothing. A refusal that comes after a
/// flow began is kept for whoever waits.
pub const CLOCKS: Step = Step {
    name: "system_0002_clocks",
    postgres: &[],
    statements: &[
        "ALTER TABLE tenant_states ADD COLUMN last_id_millis bigint NOT NULL DEFAULT 0",
        "ALTER TABLE tenant_states ADD COLUMN clock_done text NOT NULL DEFAULT ''",
        "ALTER TABLE requests ADD COLUMN refused {bytes}",
    ],
    tables: &[],
};

/// Fewer and cheaper indexes under every write. The oldest events are those with the least ids.
pub const FEWER_INDEXES: Step = Step {
    name: "system_0003_hot",
    postgres: &[include_str!("tenant_last.sql"), "SELECT tenant_last('requests', 'request_id')"],
    statements: &["DROP INDEX outbox_by_time"],
    tables: &[],
};

/// The same function with all names by their schema: whatever search path its caller has, it calls
/// what it names.
const QUALIFIED_TENANTS: &str = "CREATE OR REPLACE FUNCTION payterms_tenants() RETURNS text[] LANGUAGE plpgsql STABLE AS $$ \
     DECLARE tenants text := pg_catalog.current_setting('payterms.tenants', true); \
     BEGIN IF tenants IS NULL OR tenants OPERATOR(pg_catalog.=) '' THEN RAISE EXCEPTION 'payterms.tenants is not set'; END IF; \
     RETURN pg_catalog.string_to_array(tenants, ','); END $$";

/// The chassis' own tables are for the service alone, and what guards tenants depends on no search
/// path.
pub const GUARDED: Step = Step {
    name: "system_0004_guarded",
    postgres: &[SERVICE_ONLY, QUALIFIED_TENANTS, "DROP FUNCTION tenant_last(text, text)"],
    statements: &[],
    tables: &[],
};

/// The day that a tenant's calendar had reached when its zone was last changed: it never goes back.
/// Each service adds the column in a step of its own.
pub const DAY_REACHED: &str =
    "ALTER TABLE tenant_states ADD COLUMN day_reached text NOT NULL DEFAULT ''";

/// The log of events that others read: the epoch of this database and the last position that was
/// deleted; and the index by which a tenant's events are read. Each service adds it in a step of
/// its own.
#[must_use]
pub const fn event_log(name: &'static str) -> Step {
    const TABLES: &[Table] = &[Table {
        name: "event_log",
        columns: "id bigint PRIMARY KEY CHECK (id = 1), epoch {uuid} NOT NULL, deleted_through bigint NOT NULL",
        indexes: &[],
        guard: Guard::System,
    }];
    // Rows get their position after their commit. Until then they are not in the index, which
    // spares their insert.
    let statements =
        &["CREATE INDEX outbox_of_tenant ON outbox (tenant, position) WHERE position IS NOT NULL"];
    Step { name, postgres: &[], statements, tables: TABLES }
}

/// Webhooks: the endpoints to which a service delivers its events, and what it delivers. Each
/// service adds them in a step of its own.
#[must_use]
pub const fn webhooks(name: &'static str) -> Step {
    const TABLES: &[Table] = &[
        Table {
            name: "webhook_targets",
            columns: "tenant text NOT NULL, endpoint_id {uuid} NOT NULL, url text NOT NULL, types text NOT NULL, enabled boolean NOT NULL, \
                      generation bigint NOT NULL, secrets {bytes} NOT NULL, position bigint NOT NULL, failing_since {time}, \
                      reported bigint NOT NULL DEFAULT 0, failure {bytes}, PRIMARY KEY (tenant, endpoint_id)",
            indexes: &[],
            guard: Guard::System,
        },
        Table {
            name: "webhook_deliveries",
            columns: "tenant text NOT NULL, endpoint_id {uuid} NOT NULL, event_id {uuid} NOT NULL, position bigint NOT NULL, item bigint NOT NULL, \
                      event_type text NOT NULL, subject text NOT NULL, state text NOT NULL, attempts bigint NOT NULL DEFAULT 0, \
                      claim bigint NOT NULL DEFAULT 0, due_at {time}, first_attempt_at {time}, outcome text NOT NULL DEFAULT '', \
                      http_status bigint NOT NULL DEFAULT 0, created_at {time} NOT NULL, updated_at {time} NOT NULL, \
                      PRIMARY KEY (tenant, endpoint_id, event_id), CHECK ((state = 'PENDING') = (due_at IS NOT NULL))",
            indexes: &[
                "CREATE INDEX webhook_deliveries_due ON webhook_deliveries (tenant, endpoint_id, due_at) WHERE state = 'PENDING'",
                "CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (tenant, endpoint_id, subject, position, item) WHERE state = 'PENDING'",
                "CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (created_at) WHERE state = 'PENDING'",
                "CREATE INDEX webhook_deliveries_of_endpoint ON webhook_deliveries (tenant, endpoint_id, position, item)",
                "CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries (tenant, endpoint_id, state, position, item)",
                "CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (updated_at)",
            ],
            guard: Guard::System,
        },
        Table {
            name: "webhook_replays",
            columns: "tenant text NOT NULL, endpoint_id {uuid} NOT NULL, id {uuid} NOT NULL, position bigint NOT NULL, through bigint NOT NULL, \
                      since {time} NOT NULL, until {time} NOT NULL, PRIMARY KEY (tenant, endpoint_id, id)",
            indexes: &[],
            guard: Guard::System,
        },
    ];
    Step { name, postgres: &[], statements: &[], tables: TABLES }
}

/// Makes the system tables.
pub const STEP: Step =
    Step { name: "system_0001", postgres: &[TENANTS], statements: &[], tables: TABLES };
