//! Metrics that need a query: what waits in the queues of a service, and its sums of money. One
//! replica reads them at intervals; the exporters show what was read last.
#![expect(
    clippy::float_arithmetic,
    reason = "metrics are floating-point numbers; no amount is made of them"
)]

mod queues;

pub use queues::QUEUES;

use crate::{
    bus::{
        sealed::SealedTable,
        sealed_tally::{Counts, SealedTally},
    },
    db::{Db, sql},
    flow::{Leases, background::Beat},
    telemetry::metrics,
    wire::error::AppError,
};
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

const SEALED: Metric = Metric {
    name: "payterms.sealed.values",
    unit: "{value}",
    description: "Sealed values, by what can be done with the key that they are sealed with.",
};
/// Sealed values are counted once in so many readings of the figures: hourly, where those are read
/// every five minutes.
const FIGURES_A_ROUND: u32 = 12;

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
