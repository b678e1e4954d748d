//! What a service does in the background, for as long as it runs.

use crate::{
    bus::{nats::Subscriber, relay::Relay, samples::Sampler},
    db::Db,
    edge::readiness,
    flow::{
        Flows, Leases,
        background::Background,
        housekeeping,
        jobs::{self, Jobs, Lane},
    },
    webhooks::deliver::Delivery,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;

/// The objects that the background tasks of a service work on.
pub(super) struct Tasks {
    pub(super) db: Db,
    pub(super) relay: Relay,
    /// None on the direct bus, where peers call the inbox.
    pub(super) subscriber: Option<Subscriber>,
    pub(super) leases: Leases,
    pub(super) jobs: Jobs,
    pub(super) flows: Flows,
    /// None if nobody reads the metrics.
    pub(super) sampler: Option<Sampler>,
    pub(super) webhooks: Delivery,
}

impl Tasks {
    /// Starts them; each is started again when it ends or falls silent. Whether these services are
    /// healthy goes to the reporter.
    pub(super) fn start(
        self,
        background: &Background,
        stop: &CancellationToken,
        reporter: HealthReporter,
        services: Vec<String>,
    ) -> Vec<JoinHandle<()>> {
        let Self { db, relay, subscriber, leases, jobs, flows, sampler, webhooks } = self;
        let stop = || stop.clone();
        let (of_relay, of_housekeeping, of_flows, of_health, of_webhooks) =
            (stop(), stop(), stop(), stop(), stop());
        let (swept, claimed) = (db.clone(), db.clone());
        let lanes = [("jobs", Lane::Common), ("jobs apart", Lane::Apart)]
            .into_iter()
            .filter(|(_, lane)| jobs.has(*lane));
        let lanes = lanes.map(|(name, lane)| {
            let (db, jobs, stop) = (claimed.clone(), jobs.clone(), stop());
            background.keep(name, move |beat| {
                jobs::run_forever(db.clone(), jobs.clone(), lane, beat, stop.clone())
            })
        });
        let of_samples = stop();
        let sampling = sampler.map(|sampler| {
            background
                .keep("samples", move |beat| sampler.clone().run_forever(beat, of_samples.clone()))
        });
        let of_subscriber = stop();
        let subscribing = subscriber.map(|inbox| {
            background.keep("subscriber", move |beat| {
                inbox.clone().run_forever(beat, of_subscriber.clone())
            })
        });
        let others = [
            background.keep("relay", move |beat| relay.clone().run_forever(beat, of_relay.clone())),
            background.keep("housekeeping", move |beat| {
                housekeeping::run_forever(
                    swept.clone(),
                    leases.clone(),
                    beat,
                    of_housekeeping.clone(),
                )
            }),
            background.keep("webhooks", move |beat| {
                webhooks.clone().run_forever(beat, of_webhooks.clone())
            }),
            background
                .keep("flows", move |beat| flows.clone().recover_forever(beat, of_flows.clone())),
            background.keep("health", move |beat| {
                readiness::watch_forever(
                    db.clone(),
                    reporter.clone(),
                    services.clone(),
                    beat,
                    of_health.clone(),
                )
            }),
        ];
        lanes.chain(others).chain(sampling).chain(subscribing).collect()
    }
}
