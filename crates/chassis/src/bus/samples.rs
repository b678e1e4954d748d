//! Metrics that need a query: what waits in the queues of a service, and its sums of money. One
//! replica reads them at intervals; the exporters show what was read last. Queries of queues stop
//! counting at [`MOST`]: a backlog must not become slower because somebody looks at it.
#![expect(
    clippy::float_arithmetic,
    reason = "metrics are floating-point numbers; no amount is made of them"
)]

use crate::{
    bus::{
        inbox::MOST_ATTEMPTS,
        sealed::SealedTable,
        sealed_tally::{Counts, SealedTally},
    },
    db::{Db, sql},
    flow::{Leases, background::Beat},
    telemetry::metrics,
    wire::error::AppError,
};
use chrono::{DateTime, Utc};
use opentelemetry::KeyValue;
use payterms_proto::common::v1::sealed_values::KeyState;
use sea_orm::{QueryResult, Value};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often queues are read.
const QUEUES_EVERY: Duration = Duration::from_secs(15);
/// Rows of a queue that are counted; what is longer is shown as this.
const MOST: i64 = 10_000;
/// Tenants whose money is summed in one transaction.
const TENANTS: usize = 100;

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its unit, in the notation of UCUM as OpenTelemetry uses it.
    pub unit: &'static str,
    /// Its meaning.
    pub description: &'static str,
}

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
const SEALED: Metric = Metric {
    name: "payterms.sealed.values",
    unit: "{value}",
    description: "Sealed values, by what can be done with the key that they are sealed with.",
};
/// Sealed values are counted once in so many readings of the figures: hourly, where those are read
/// every five minutes.
const FIGURES_A_ROUND: u32 = 12;
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

/// Labels besides the part, each with its value. Only what has few values.
type Labels = Vec<(&'static str, String)>;

/// One value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The metric.
    pub metric: Metric,
    /// Its labels.
    pub labels: Labels,
    /// The value; those of several pages of tenants are added.
    pub value: f64,
}

/// A metric that is a sum over rows of a service.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// The metric. Its unit is `{currency}` where the query sums millionths of currency units.
    pub metric: Metric,
    /// The label whose value the query's column `label` has.
    pub label: &'static str,
    /// The query: a label and a value a row, over the rows whose tenant is among `{tenants}`;
    /// `{today}` is the date in UTC.
    pub select: &'static str,
}

/// The unit of amounts of money, which are labelled with their currency.
pub const MONEY: &str = "{currency}";
/// Millionths of a currency unit, in which amounts are stored.
const MILLIONTHS: f64 = 1_000_000.0;

impl Figure {
    /// Its samples over these tenants.
    async fn read(&self, db: &Db, tenants: &[String]) -> Result<Vec<Sample>, AppError> {
        let names: Vec<_> = tenants.iter().map(String::as_str).collect();
        let marks: Vec<_> = (1..=tenants.len()).map(|number| format!("${number}")).collect();
        let txn = db.read_all(&names).await?;
        let values = names.iter().map(|name| Value::from(*name)).collect();
        let today = format!("'{}'", db.clock().now().date_naive());
        let select = self.select.replace("{tenants}", &marks.join(", ")).replace("{today}", &today);
        let rows = sql::all(&txn, &select, values).await?;
        let sample = |row: &QueryResult| {
            let value: f64 = row.try_get("", "value")?;
            let value = if self.metric.unit == MONEY { value / MILLIONTHS } else { value };
            Ok(Sample {
                metric: self.metric,
                labels: vec![(self.label, row.try_get("", "label")?)],
                value,
            })
        };
        rows.iter().map(sample).collect()
    }
}

/// The samples that were read last, by metric.
type Shelf = Arc<Mutex<BTreeMap<&'static str, Vec<Sample>>>>;

/// Reads the samples of a service at intervals.
#[derive(Clone)]
pub(crate) struct Sampler {
    db: Db,
    leases: Leases,
    subscribers: Arc<BTreeMap<String, Vec<String>>>,
    /// The kinds of flows, so that one that is not open is shown as none.
    flows: Arc<[&'static str]>,
    figures: &'static [Figure],
    figures_every: Duration,
    sealed: Arc<[SealedTable]>,
    shelf: Shelf,
}

/// What a sampler reads besides the queues of its service.
pub(crate) struct Sampled {
    /// The kinds of flows.
    pub flows: Arc<[&'static str]>,
    /// Sums of money.
    pub figures: &'static [Figure],
    /// How often these are read.
    pub figures_every: Duration,
    /// Tables with sealed values.
    pub sealed: Arc<[SealedTable]>,
}

impl Sampler {
    /// A sampler whose samples the exporters show. `subscribers` are those of the service's events,
    /// with the types of each.
    pub(crate) fn new(
        db: Db,
        leases: Leases,
        subscribers: BTreeMap<String, Vec<String>>,
        sampled: Sampled,
    ) -> Self {
        let Sampled { flows, figures, figures_every, sealed } = sampled;
        let shelf = Shelf::default();
        for metric in
            QUEUES.iter().chain([&SEALED]).chain(figures.iter().map(|figure| &figure.metric))
        {
            let (shelf, metric, part) = (shelf.clone(), *metric, db.service());
            metrics::observe(metric.name, metric.unit, metric.description, move || {
                let shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
                let labels = |sample: &Sample| {
                    let of_sample =
                        sample.labels.iter().map(|(key, value)| KeyValue::new(*key, value.clone()));
                    of_sample.chain([metrics::part(part)]).collect()
                };
                shelf
                    .get(metric.name)
                    .into_iter()
                    .flatten()
                    .map(|sample| (labels(sample), sample.value))
                    .collect()
            });
        }
        Self {
            db,
            leases,
            subscribers: Arc::new(subscribers),
            flows,
            figures,
            figures_every,
            sealed,
            shelf,
        }
    }

    pub(crate) async fn run_forever(self, beat: Beat, stop: CancellationToken) {
        let mut figures_due = Instant::now();
        let mut tally = SealedTally::new(
            self.sealed.clone(),
            self.figures_every.saturating_mul(FIGURES_A_ROUND),
        );
        loop {
            beat.beat();
            // Only one replica shows them: a sum over the replicas would otherwise count them
            // several times.
            if self.leases.hold_singleton("samples").await.unwrap_or(false) {
                let queues = beat.while_waiting(self.queues()).await;
                self.show(&QUEUES, queues);
                if Instant::now() >= figures_due {
                    let sums = beat.while_waiting(self.sums()).await;
                    let metrics: Vec<_> = self.figures.iter().map(|figure| figure.metric).collect();
                    self.show(&metrics, sums);
                    figures_due = Instant::now() + self.figures_every;
                }
                let counted = beat.while_waiting(tally.resume(&self.db)).await;
                if counted.is_err() {
                    tally.reset();
                }
                if let Some(counted) = counted.transpose() {
                    self.show(&[SEALED], counted.map(sealed));
                }
            } else {
                tally.reset();
                self.shelf.lock().unwrap_or_else(PoisonError::into_inner).clear();
                figures_due = Instant::now();
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(QUEUES_EVERY.min(self.figures_every)) => {}
            }
        }
    }

    /// Replaces the samples of these metrics. If they could not be read they are shown no more: an
    /// old value would pass for a new one.
    fn show(&self, of: &[Metric], samples: Result<Vec<Sample>, AppError>) {
        let samples = samples.unwrap_or_else(|error| {
            tracing::warn!(%error, "metrics could not be read from the database");
            Vec::new()
        });
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        for metric in of {
            shelf.insert(
                metric.name,
                samples.iter().filter(|sample| sample.metric == *metric).cloned().collect(),
            );
        }
    }

    /// The figures over all tenants but those with a test clock, whose money is none.
    async fn sums(&self) -> Result<Vec<Sample>, AppError> {
        let mut sums: BTreeMap<(Metric, Labels), f64> = BTreeMap::new();
        let mut after = String::new();
        loop {
            let select = format!(
                "SELECT tenant FROM tenant_states WHERE tenant > $1 AND clock_now IS NULL ORDER BY tenant LIMIT {TENANTS}"
            );
            let page = sql::all(self.db.system(), &select, vec![after.as_str().into()]).await?;
            let page = page
                .iter()
                .map(|row| row.try_get("", "tenant"))
                .collect::<Result<Vec<String>, _>>()?;
            let Some(last) = page.last().cloned() else { break };
            for figure in self.figures {
                for sample in figure.read(&self.db, &page).await? {
                    *sums.entry((sample.metric, sample.labels)).or_default() += sample.value;
                }
            }
            after = last;
        }
        Ok(sums
            .into_iter()
            .map(|((metric, labels), value)| Sample { metric, labels, value })
            .collect())
    }

    async fn queues(&self) -> Result<Vec<Sample>, AppError> {
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

/// The samples of sealed values.
fn sealed(counts: Counts) -> Vec<Sample> {
    let state = |state: KeyState| state.as_str_name().trim_start_matches("KEY_STATE_").to_owned();
    let sample = |(key, count)| Sample {
        metric: SEALED,
        labels: vec![("payterms.key_state", state(key))],
        value: number(count),
    };
    counts.into_iter().map(sample).collect()
}

fn number(count: i64) -> f64 {
    metrics::count(usize::try_from(count).unwrap_or_default())
}

/// Seconds since an instant; 0 if there is none.
fn age(now: DateTime<Utc>, since: Option<DateTime<Utc>>) -> f64 {
    since.map_or(0.0, |since| (now - since).as_seconds_f64().max(0.0))
}
