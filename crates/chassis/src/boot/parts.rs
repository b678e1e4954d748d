//! What the chassis gives to a service that it builds, and what the service gives back.

use crate::{
    bus::{
        inbox::Consumers, peers::Peers, public_events::Hides, rules::Rule, samples::Figure,
        sealed::SealedTable, shared::Shared, snapshots::Snapshots,
    },
    db::Db,
    flow::{Drivers, Flows, jobs::Jobs},
    webhooks::{OnFailure, Webhooks},
    wire::page::PageSigner,
};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// The means that the chassis gives to a service.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// The service's database.
    pub db: Db,
    /// The services that it may call.
    pub peers: Peers,
    /// Its flows.
    pub flows: Flows,
    /// Signs the page tokens of its lists.
    pub pages: PageSigner,
    /// Where webhooks may go, and what seals their secrets.
    pub webhooks: Webhooks,
    /// Cancelled when the process is to stop.
    pub stop: CancellationToken,
}

/// The parts that a service gives to the chassis.
#[derive(Default)]
pub struct Parts {
    /// Its gRPC services.
    pub routes: Routes,
    /// Its jobs.
    pub jobs: Jobs,
    /// The handlers of the events that it subscribes to.
    pub consumers: Consumers,
    /// The drivers of its flows.
    pub drivers: Drivers,
    /// Publishes the present state of its aggregates again.
    pub snapshots: Snapshots,
    /// The sums that it shows in metrics.
    pub figures: &'static [Figure],
    /// What must always hold in its rows, besides what must in those of every service.
    pub rules: &'static [Rule],
    /// The sums that it records and another service as well.
    pub shared: &'static [Shared],
    /// Its tables with sealed values, besides those of every service.
    pub sealed: Vec<SealedTable>,
    /// Whether a tenant hides some of its resources from its customers; none: it cannot.
    pub hides: Option<Hides>,
    /// What it does where webhook endpoints are its own and one has failed; none: it tells the
    /// service whose they are.
    pub webhook_failed: Option<OnFailure>,
}
