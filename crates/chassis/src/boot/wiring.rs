//! How a service is put together: its bus, the services that all of them offer, and what runs in
//! the background.

use super::{Parts, Service, tasks::Tasks};
use crate::{
    bus::{
        carrier::{Carrier, DirectBus},
        checks::Checks,
        copies::Copies,
        event_log::EventLog,
        inbox::Inbox,
        nats::{NatsBus, Subscriber},
        operations::Operations,
        outbox::Outbox,
        peers::Peers,
        relay::Relay,
        rules,
        run_due::RunDue,
        samples::{Sampled, Sampler},
        sealed::SealedTable,
        versions::Versions,
    },
    db::Db,
    edge::layers,
    flow::{Flows, Leases},
    net::{Network, broker::Broker, pool::pools},
    telemetry::metrics,
    webhooks::{
        Webhooks,
        deliver::Delivery,
        log::WebhookLog,
        targets::{self as webhook_targets, FAILURE},
    },
    wire::{identity::Signer, page::PageSigner, topology},
};
use payterms_proto::common::{
    peers::v1::{
        WebhookFailed, clock_service_server::ClockServiceServer,
        event_log_service_server::EventLogServiceServer, inbox_service_server::InboxServiceServer,
        version_service_server::VersionServiceServer,
        webhook_log_service_server::WebhookLogServiceServer,
    },
    v1::operations_service_server::OperationsServiceServer,
};
use std::{collections::BTreeMap, path::Path, sync::Arc};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// What a service calls and publishes with.
pub(super) struct Bus {
    db: Db,
    name: &'static str,
    broker: Option<Broker>,
    /// Who hears which types of its aggregates.
    subscribers: BTreeMap<String, Vec<String>>,
    /// The types of aggregate that it hears, by source.
    hears: Arc<BTreeMap<String, Vec<String>>>,
    relay: Relay,
    leases: Leases,
    pub(super) copies: Arc<Copies>,
    pub(super) peers: Peers,
    pub(super) flows: Flows,
}

impl Bus {
    /// Opens that of a service.
    ///
    /// # Errors
    /// A sentence about its key or the topology.
    pub(super) async fn open<S: Service>(
        db: &Db,
        keys: &Path,
        network: &Network,
    ) -> Result<Self, String> {
        let topology = topology::load()?;
        let leases = Leases::new(db.clone());
        if !db.is_postgres() {
            leases.release_all().await.map_err(|error| error.to_string())?;
        }
        let relations = topology.get(S::NAME).cloned().unwrap_or_default();
        let hears = Arc::new(relations.hears.clone());
        let copies = Arc::new(Copies::new(db.clone(), relations));
        // One connection to each replica: a call between services has one message in each
        // direction, or few.
        let pools = pools(network, 1);
        let peers = Peers::new(Signer::read(keys, S::NAME, db.clock().clone())?, pools)
            .with_copies(copies.clone());
        let subscribers = topology::subscribers(&topology, S::NAME);
        let carrier: Arc<dyn Carrier> = match &network.broker {
            Some(broker) => Arc::new(NatsBus::new(broker.clone(), S::NAME)),
            None => Arc::new(DirectBus { peers: peers.clone() }),
        };
        Ok(Self {
            db: db.clone(),
            name: S::NAME,
            broker: network.broker.clone(),
            relay: Relay::new(
                db.clone(),
                Outbox::new(db.clone(), subscribers.clone()),
                carrier,
                leases.clone(),
            ),
            flows: Flows::new(leases.clone()),
            subscribers,
            hears,
            leases,
            copies,
            peers,
        })
    }

    /// Whether what others hear can be published again.
    fn check_snapshots(&self, parts: &Parts) -> Result<(), String> {
        let mut heard = self.subscribers.values().flatten();
        match heard.find(|kind| !parts.snapshots.types().any(|offered| offered == *kind)) {
            Some(kind) => {
                Err(format!("others hear {kind}, and {} has no snapshot of it", self.name))
            }
            None => Ok(()),
        }
    }

    /// Reads the broker; none on the direct bus, where peers call the inbox, and where nothing is
    /// heard.
    fn subscriber(&self, inbox: &Inbox) -> Option<Subscriber> {
        let sources: Vec<_> = self.hears.keys().cloned().collect();
        let broker = self.broker.clone().filter(|_| !sources.is_empty())?;
        Some(Subscriber::new(broker, inbox.clone(), self.db.health().clone(), self.name, sources))
    }
}

/// Puts a service together: all that it offers besides reflection and health, and its tasks.
///
/// # Errors
/// A sentence if others hear what it cannot publish again.
pub(super) fn wire(
    bus: Bus,
    mut parts: Parts,
    webhooks: Webhooks,
    pages: PageSigner,
    stop: &CancellationToken,
) -> Result<(Routes, Tasks), String> {
    parts.snapshots = parts.snapshots.with::<WebhookFailed>(FAILURE, webhook_targets::failures);
    bus.check_snapshots(&parts)?;
    parts.sealed.push(webhook_targets::sealed(webhooks.seal.clone()));
    let (db, relay, flows) = (bus.db.clone(), bus.relay.clone(), bus.flows.clone());
    let sealed: Arc<[SealedTable]> = parts.sealed.into();
    let kinds = parts.drivers.kinds();
    flows.set_drivers(parts.drivers);
    let inbox = Inbox::new(db.clone(), webhook_targets::with_consumer(parts.consumers));
    let subscriber = bus.subscriber(&inbox);
    let operations = Operations {
        db: db.clone(),
        pages: pages.clone(),
        snapshots: parts.snapshots,
        inbox: inbox.clone(),
        flows: flows.clone(),
        checks: Checks::new(db.clone(), rules::COMMON, parts.rules, parts.shared),
        hears: bus.hears,
        sealed: sealed.clone(),
    };
    let routes = parts
        .routes
        .add_service(
            InboxServiceServer::new(inbox).max_decoding_message_size(layers::INNER_MESSAGE),
        )
        .add_service(ClockServiceServer::new(RunDue {
            db: db.clone(),
            jobs: parts.jobs.clone(),
            relay: relay.clone(),
        }))
        .add_service(EventLogServiceServer::new(EventLog::new(
            db.clone(),
            &relay,
            parts.hides,
            stop.clone(),
        )))
        .add_service(WebhookLogServiceServer::new(WebhookLog {
            db: db.clone(),
            flows: flows.clone(),
            pages,
        }))
        .add_service(VersionServiceServer::new(Versions { db: db.clone() }))
        .add_service(OperationsServiceServer::new(operations));
    let sampler = metrics::figures_every().map(|figures_every| {
        let sampled = Sampled { flows: kinds, figures: parts.figures, figures_every, sealed };
        Sampler::new(db.clone(), bus.leases.clone(), bus.subscribers, sampled)
    });
    let webhooks = Delivery::new(db.clone(), &relay, webhooks, parts.webhook_failed);
    Ok((
        routes,
        Tasks {
            db,
            relay,
            subscriber,
            leases: bus.leases,
            jobs: parts.jobs,
            flows,
            sampler,
            webhooks,
        },
    ))
}
