//! What waits in the queues of a service: the metrics, and the queries that count rows and find how
//! long the oldest waits. Queries of queues stop counting at [`MOST`]: a backlog must not become
//! slower because somebody looks at it.

use super::{Labels, Metric, Sample, Sampler, number};
use crate::{bus::inbox::MOST_ATTEMPTS, db::sql, wire::error::AppError};
use chrono::{DateTime, Utc};
use sea_orm::{QueryResult, Value};
use std::collections::BTreeMap;

/// Rows of a queue that are counted; what is longer is shown as this.
const MOST: i64 = 10_000;

const UNDELIVERED: Metric = Metric {
    name: "payterms.outbox.undelivered",
    unit: "{event}",
    description: "Events that a subscriber has not received yet.",
};
const UNDELIVERED_AGE: Metric = Metric {
    name: "payterms.outbox.age",
    unit: "s",
    description: "Age of the oldest event that a subscriber has not received yet.",
};
const HELD: Metric = Metric {
    name: "payterms.inbox.held",
    unit: "{event}",
    description: "Received events that wait for a predecessor or are tried again.",
};
const HELD_AGE: Metric = Metric {
    name: "payterms.inbox.age",
    unit: "s",
    description: "Age of the oldest of the held events.",
};
const DEAD: Metric = Metric {
    name: "payterms.inbox.dead_letters",
    unit: "{event}",
    description: "Events that could not be applied and wait for the operator.",
};
const DUE: Metric = Metric {
    name: "payterms.jobs.due",
    unit: "{job}",
    description: "Jobs that are due and not done.",
};
const DUE_AGE: Metric = Metric {
    name: "payterms.jobs.age",
    unit: "s",
    description: "How long the oldest due job has been due.",
};
const FLOWS: Metric = Metric {
    name: "payterms.flows.open",
    unit: "{flow}",
    description: "Flows that have begun and not closed, by kind.",
};
const FLOWS_AGE: Metric = Metric {
    name: "payterms.flows.age",
    unit: "s",
    description: "Age of the oldest open flow, by kind.",
};
const WEBHOOKS: Metric = Metric {
    name: "payterms.webhooks.pending",
    unit: "{event}",
    description: "Events that an enabled endpoint of webhooks has not received yet.",
};
const WEBHOOKS_AGE: Metric = Metric {
    name: "payterms.webhooks.age",
    unit: "s",
    description: "How long the oldest of the events that endpoints have not received waits.",
};
const WEBHOOKS_OVERDUE: Metric = Metric {
    name: "payterms.webhooks.overdue",
    unit: "s",
    description: "How long the oldest of the webhooks whose turn it is has been due.",
};
/// The metrics of every service's queues.
pub const QUEUES: [Metric; 12] = [
    UNDELIVERED,
    UNDELIVERED_AGE,
    HELD,
    HELD_AGE,
    DEAD,
    DUE,
    DUE_AGE,
    FLOWS,
    FLOWS_AGE,
    WEBHOOKS,
    WEBHOOKS_AGE,
    WEBHOOKS_OVERDUE,
];

impl Sampler {
    /// The samples of all queues.
    pub(super) async fn queues(&self) -> Result<Vec<Sample>, AppError> {
        let now = self.db.clock().now();
        let mut samples = Vec::new();
        for (subscriber, kinds) in self.subscribers.iter() {
            let kinds: Vec<_> =
                kinds.iter().map(|kind| format!("'{}'", kind.replace('\'', ""))).collect();
            // Each half is served by an index of its own, and stops early.
            let select = format!(
                "SELECT count(*) AS many, min(since) AS since FROM (SELECT * FROM (SELECT recorded_at AS since FROM outbox \
                 WHERE position > coalesce((SELECT position FROM outbox_cursors WHERE subscriber = $1), 0) AND aggregate_type IN ({0}) \
                 ORDER BY position LIMIT {MOST}) placed UNION ALL SELECT * FROM (SELECT recorded_at AS since FROM outbox \
                 WHERE position IS NULL AND aggregate_type IN ({0}) ORDER BY id LIMIT {MOST}) unplaced) waiting",
                kinds.join(", ")
            );
            let label = vec![("payterms.subscriber", subscriber.clone())];
            self.add(
                &mut samples,
                now,
                [UNDELIVERED, UNDELIVERED_AGE],
                label,
                &select,
                vec![subscriber.as_str().into()],
            )
            .await?;
        }
        let held = format!(
            "SELECT count(*) AS many, min(recorded_at) AS since FROM (SELECT recorded_at FROM inbox WHERE held IS NOT NULL LIMIT {MOST}) held"
        );
        self.add(&mut samples, now, [HELD, HELD_AGE], Vec::new(), &held, vec![]).await?;
        let dead = format!(
            "SELECT count(*) AS many FROM (SELECT event_id FROM inbox WHERE held IS NOT NULL AND attempts >= {MOST_ATTEMPTS} LIMIT {MOST}) dead"
        );
        if let Some(row) = sql::one(self.db.system(), &dead, vec![]).await? {
            samples.push(Sample {
                metric: DEAD,
                labels: Vec::new(),
                value: number(row.try_get("", "many")?),
            });
        }
        let due = format!(
            "SELECT count(*) AS many, min(due_at) AS since FROM (SELECT due_at FROM due JOIN tenant_states \
             ON tenant_states.tenant = due.tenant WHERE due_at <= $1 AND clock_now IS NULL AND NOT suspended ORDER BY due_at LIMIT {MOST}) due"
        );
        self.add(&mut samples, now, [DUE, DUE_AGE], Vec::new(), &due, vec![now.into()]).await?;
        // What waits at an endpoint that is disabled does so until a person enables it.
        let webhooks = format!(
            "SELECT count(*) AS many, min(created_at) AS since FROM (SELECT d.created_at FROM webhook_deliveries d JOIN webhook_targets t \
             ON t.tenant = d.tenant AND t.endpoint_id = d.endpoint_id WHERE d.state = 'PENDING' AND t.enabled AND t.reported < t.generation \
             ORDER BY d.created_at LIMIT {MOST}) waiting"
        );
        self.add(&mut samples, now, [WEBHOOKS, WEBHOOKS_AGE], Vec::new(), &webhooks, vec![])
            .await?;
        samples.push(Sample {
            metric: WEBHOOKS_OVERDUE,
            labels: Vec::new(),
            value: self.webhooks_overdue(now).await?,
        });
        // The fence of a flow starts at the instant of its opening in microseconds.
        let flows = "SELECT flow AS label, count(*) AS many, min(fence) AS fence FROM intent_lease WHERE tenant <> '' GROUP BY flow";
        let mut open = BTreeMap::new();
        for row in sql::all(self.db.system(), flows, vec![]).await? {
            let opened = DateTime::from_timestamp_micros(row.try_get("", "fence")?);
            open.insert(
                row.try_get::<String>("", "label")?,
                (number(row.try_get("", "many")?), age(now, opened)),
            );
        }
        for kind in self.flows.iter() {
            let (many, oldest) = open.get(*kind).copied().unwrap_or_default();
            let label = vec![("payterms.flow", (*kind).to_owned())];
            samples.push(Sample { metric: FLOWS, labels: label.clone(), value: many });
            samples.push(Sample { metric: FLOWS_AGE, labels: label, value: oldest });
        }
        Ok(samples)
    }

    /// For how long the oldest webhook whose turn it is has been due: what its receiver refuses
    /// waits until it is tried again, and what comes after it in its subject waits with it; neither
    /// is due.
    async fn webhooks_overdue(&self, now: DateTime<Utc>) -> Result<f64, AppError> {
        let select = format!(
            "SELECT min(d.due_at) AS since FROM (SELECT d.* FROM webhook_deliveries d JOIN webhook_targets t ON t.tenant = d.tenant \
             AND t.endpoint_id = d.endpoint_id WHERE d.state = 'PENDING' AND t.enabled AND t.reported < t.generation \
             ORDER BY d.created_at LIMIT {MOST}) d WHERE d.due_at <= $1 AND NOT EXISTS (SELECT 1 FROM webhook_deliveries e \
             WHERE e.tenant = d.tenant AND e.endpoint_id = d.endpoint_id AND e.subject = d.subject AND e.state = 'PENDING' \
             AND (e.position < d.position OR (e.position = d.position AND e.item < d.item)))"
        );
        let since = sql::one(self.db.system(), &select, vec![now.into()]).await?;
        Ok(age(now, since.map(|row| row.try_get("", "since")).transpose()?.flatten()))
    }

    /// Adds the samples of a query with one row.
    async fn add(
        &self,
        samples: &mut Vec<Sample>,
        now: DateTime<Utc>,
        of: [Metric; 2],
        labels: Labels,
        select: &str,
        values: Vec<Value>,
    ) -> Result<(), AppError> {
        match sql::one(self.db.system(), select, values).await? {
            Some(row) => put(samples, now, of, labels, &row),
            None => Ok(()),
        }
    }
}

/// Adds how many rows wait and for how long the oldest does.
fn put(
    samples: &mut Vec<Sample>,
    now: DateTime<Utc>,
    [many, oldest]: [Metric; 2],
    labels: Labels,
    row: &QueryResult,
) -> Result<(), AppError> {
    samples.push(Sample {
        metric: many,
        labels: labels.clone(),
        value: number(row.try_get("", "many")?),
    });
    samples.push(Sample { metric: oldest, labels, value: age(now, row.try_get("", "since")?) });
    Ok(())
}

/// Seconds since an instant; 0 if there is none.
fn age(now: DateTime<Utc>, since: Option<DateTime<Utc>>) -> f64 {
    since.map_or(0.0, |since| (now - since).as_seconds_f64().max(0.0))
}
