//! The boot story of a service: configuration, keys, database, routes, then ready; on SIGTERM a
//! graceful drain. A new service implements [`Service`] and has all of it.

use crate::{
    bus::{
        copies::Copies,
        inbox::{Consumers, Inbox},
        operations::Operations,
        peers::Peers,
        relay,
        run_due::RunDue,
        snapshots::Snapshots,
        versions::Versions,
    },
    config::{self, CommonOptions},
    db::{DatabaseOptions, Db, sql},
    edge::{
        access::AccessTable,
        early,
        layers::{self, Guard},
        readiness, reflection, serve,
    },
    flow::{
        Drivers, Flows, Leases,
        background::Background,
        housekeeping,
        jobs::{self, Jobs},
    },
    kill,
    telemetry::Telemetry,
    wire::{
        identity::{Signer, Verifier},
        page::PageSigner,
        topology,
    },
};
use clap::{Args, Parser};
use payterms_kernel::{Clock, SystemClock, text::without_passwords};
use payterms_proto::common::v1::{
    clock_service_server::ClockServiceServer, inbox_service_server::InboxServiceServer, operations_service_server::OperationsServiceServer,
    version_service_server::VersionServiceServer,
};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    future::Future,
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::server::HealthReporter;

/// Calls at once, beyond which a service refuses.
const CALLS: usize = 2_048;

/// What a service is made of; the chassis does the rest.
pub trait Service: Send + 'static {
    /// Its name: of its schema, key, audience and events.
    const NAME: &'static str;
    /// The newest migration of its schema; it is not ready before.
    const SCHEMA_VERSION: &'static str;
    /// Tables besides `requests` whose rows keep the request that wrote them, in the columns `request_id` and
    /// `input_hash`: those of its hot verbs.
    const REQUESTS_IN: &'static [&'static str] = &[];
    /// Options of its own.
    type Options: Args + Clone + std::fmt::Debug + Send + Sync + 'static;

    /// Makes routes, jobs, consumers and flows.
    fn build(runtime: Runtime, options: Self::Options) -> impl Future<Output = Result<Parts, String>> + Send;
}

/// What the chassis gives to a service.
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
    /// Ends with the process.
    pub stop: CancellationToken,
}

/// What a service gives to the chassis.
#[derive(Default)]
pub struct Parts {
    /// Its gRPC services.
    pub routes: Routes,
    /// Its jobs.
    pub jobs: Jobs,
    /// What it does with events.
    pub consumers: Consumers,
    /// The drivers of its flows.
    pub drivers: Drivers,
    /// How it tells the state of its aggregates to those who missed their events.
    pub snapshots: Snapshots,
}

/// A service that serves; it ends when its stop token is cancelled.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
    failure: Arc<OnceLock<String>>,
}

impl Running {
    /// Serves on a bound listener in a task of its own.
    ///
    /// # Errors
    /// A sentence if the listener has no address.
    pub fn spawn<F: Future<Output = ()> + Send + 'static>(
        listener: TcpListener,
        serve: impl FnOnce(TcpListener) -> F,
    ) -> Result<Self, String> {
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        Ok(Self { address, task: tokio::spawn(serve(listener)), failure: Arc::default() })
    }

    /// Waits for the end of the drain.
    ///
    /// # Errors
    /// Why it ended, if nobody told it to.
    pub async fn ended(self) -> Result<(), String> {
        let _ = self.task.await;
        self.failure.get().map_or(Ok(()), |why| Err(why.clone()))
    }
}

/// Starts a service on an open database and a bound listener.
///
/// # Errors
/// A sentence that says what is missing or wrong.
pub async fn start<S: Service>(
    db: Db,
    keys: &Path,
    peers: &BTreeMap<String, String>,
    listener: TcpListener,
    options: S::Options,
    stop: CancellationToken,
) -> Result<Running, String> {
    let mut listener = listener;
    if !has_schema::<S>(&db).await {
        // Before the port answers: nothing may be sent here meanwhile.
        db.health().waits_for_schema(S::SCHEMA_VERSION);
        listener = early::until(listener, db.health(), wait_for_schema::<S>(&db, &stop)).await?;
    }
    db.note_made()?;
    let topology = topology::load()?;
    let db = db.with_requests_in(S::REQUESTS_IN);
    let leases = Leases::new(db.clone());
    if !db.is_postgres() {
        leases.release_all().await.map_err(|error| error.to_string())?;
    }
    let relations = topology.get(S::NAME).cloned().unwrap_or_default();
    let copies = Arc::new(Copies::new(db.clone(), relations));
    let peers = Peers::new(Signer::read(keys, S::NAME, db.clock().clone())?, peers)?.with_copies(copies.clone());
    let flows = Flows::new(leases.clone());
    let subscribers = topology::subscribers(&topology, S::NAME);
    let published: Vec<_> = subscribers.values().flatten().cloned().collect();
    let relay = relay::Relay::new(db.clone(), peers.clone(), leases.clone(), subscribers);
    let secret = std::fs::read(keys.join(format!("{}.key", S::NAME))).map_err(|error| error.to_string())?;
    let pages = PageSigner::new(&Sha256::new().chain_update(b"page").chain_update(secret).finalize());
    let runtime = Runtime { db: db.clone(), peers, flows: flows.clone(), pages: pages.clone(), stop: stop.clone() };
    let parts = S::build(runtime, options).await?;
    flows.set_drivers(parts.drivers);
    if let Some(kind) = published.iter().find(|kind| !parts.snapshots.types().any(|offered| offered == *kind)) {
        return Err(format!("others hear {kind}, and {} has no snapshot of it", S::NAME));
    }
    let inbox = Inbox::new(db.clone(), parts.consumers);
    let operations = Operations { db: db.clone(), pages, snapshots: parts.snapshots, inbox: inbox.clone(), flows: flows.clone() };
    let clock = RunDue { db: db.clone(), jobs: parts.jobs.clone(), relay: relay.clone() };
    let access = AccessTable::load()?;
    let routes = parts
        .routes
        .add_service(InboxServiceServer::new(inbox).max_decoding_message_size(layers::INNER_MESSAGE))
        .add_service(ClockServiceServer::new(clock))
        .add_service(VersionServiceServer::new(Versions { db: db.clone() }))
        .add_service(OperationsServiceServer::new(operations));
    let (routes, health) = reflection::with_reflection_and_health(routes, &access.services(&[S::NAME, "common"])).await?;
    let issuers = topology::callers(&topology, S::NAME);
    let guard = Guard::new(access, Verifier::read(keys, S::NAME, &issuers)?, copies, CALLS);
    let services = vec![format!("payterms.{}.v1", S::NAME)];
    let background = Background::new(db.health().clone(), stop.clone());
    let failure = background.failure();
    let tasks = keep_background(&background, Tasks { db: db.clone(), relay, leases, jobs: parts.jobs, flows }, (health, services), &stop);
    let readiness = early::readiness(db.health().clone());
    let running = Running::spawn(listener, |listener| async move {
        serve::serve(listener, layers::wrap(routes, &guard).merge(readiness), stop).await;
        for task in tasks {
            let _ = task.await;
        }
        db.close().await;
    })?;
    Ok(Running { failure, ..running })
}

/// What the background tasks of a service work on.
struct Tasks {
    db: Db,
    relay: relay::Relay,
    leases: Leases,
    jobs: Jobs,
    flows: Flows,
}

fn keep_background(
    background: &Background,
    tasks: Tasks,
    (reporter, services): (HealthReporter, Vec<String>),
    stop: &CancellationToken,
) -> [JoinHandle<()>; 5] {
    let Tasks { db, relay, leases, jobs, flows } = tasks;
    let stop = || stop.clone();
    let (of_relay, of_housekeeping, of_jobs, of_flows, of_health) = (stop(), stop(), stop(), stop(), stop());
    let (swept, claimed) = (db.clone(), db.clone());
    [
        background.keep("relay", move |beat| relay.clone().run_forever(beat, of_relay.clone())),
        background
            .keep("housekeeping", move |beat| housekeeping::run_forever(swept.clone(), leases.clone(), beat, of_housekeeping.clone())),
        background.keep("jobs", move |beat| jobs::run_forever(claimed.clone(), jobs.clone(), beat, of_jobs.clone())),
        background.keep("flows", move |beat| flows.clone().recover_forever(beat, of_flows.clone())),
        background
            .keep("health", move |beat| readiness::watch_forever(db.clone(), reporter.clone(), services.clone(), beat, of_health.clone())),
    ]
}

/// Waits, not ready, until the schema has the version that this build needs.
async fn wait_for_schema<S: Service>(db: &Db, stop: &CancellationToken) -> Result<(), String> {
    while !has_schema::<S>(db).await {
        if stop.is_cancelled() {
            return Err("stopped before its schema was there".to_owned());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    db.health().schema_is_there();
    Ok(())
}

async fn has_schema<S: Service>(db: &Db) -> bool {
    let select = "SELECT version FROM seaql_migrations WHERE version = $1";
    matches!(sql::one(db.connection(), select, vec![S::SCHEMA_VERSION.into()]).await, Ok(Some(_)))
}

#[derive(Debug, Parser)]
struct ServiceOptions<O: Args> {
    #[command(flatten)]
    common: CommonOptions,
    /// `postgres://…`, or `sqlite:<file>`.
    #[arg(long, env = "PAYTERMS_DATABASE_URL")]
    database_url: String,
    #[command(flatten)]
    database: DatabaseOptions,
    #[command(flatten)]
    service: O,
}

/// The whole of a service's `main`.
#[must_use]
pub fn main<S: Service>() -> ExitCode {
    main_with::<S>(std::env::args_os().collect())
}

/// The same, with arguments of the caller's; the first is the program's name.
#[must_use]
pub fn main_with<S: Service>(arguments: Vec<OsString>) -> ExitCode {
    let options = match config::read::<ServiceOptions<S::Options>>(arguments) {
        Ok(options) => options,
        Err(refused) => return config::explain(refused),
    };
    let outcome = tokio::runtime::Runtime::new().map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(run::<S>(options)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{}: {}", S::NAME, without_passwords(&text));
            ExitCode::FAILURE
        }
    }
}

async fn run<S: Service>(options: ServiceOptions<S::Options>) -> Result<(), String> {
    let _telemetry = Telemetry::start(S::NAME, &options.common.log, &options.common.tracing)?;
    kill::arm(options.common.kill_at.clone());
    let peers = options.common.peer_addresses()?;
    let stop = stop_on_signal()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let db = Db::open_with(&options.database_url, S::NAME, clock, &options.database).await?;
    let listener = TcpListener::bind(options.common.listen).await.map_err(|error| format!("{}: {error}", options.common.listen))?;
    let running = start::<S>(db, &options.common.keys, &peers, listener, options.service, stop).await?;
    tracing::info!(service = S::NAME, address = %running.address, "serves");
    running.ended().await
}

/// How long a process may take to end after it was told to: the drain, and a moment to close what is open.
const HARD_END: Duration = Duration::from_secs(25);

/// A token that SIGTERM or SIGINT cancels. Whatever hangs then, the process ends after [`HARD_END`]; a second signal ends
/// it at once.
///
/// # Errors
/// A sentence if signals cannot be listened to.
pub fn stop_on_signal() -> Result<CancellationToken, String> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let mut term = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut int = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let cancelled = stop.clone();
    tokio::spawn(async move {
        let mut signalled = async || {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
        };
        signalled().await;
        cancelled.cancel();
        // A thread of its own: it must not wait for whatever holds up the runtime.
        std::thread::spawn(|| {
            std::thread::sleep(HARD_END);
            end_now("something did not end in time");
        });
        signalled().await;
        end_now("a second signal came");
    });
    Ok(stop)
}

/// Ends the process without waiting for anything: what was not committed is rolled back.
fn end_now(why: &str) -> ! {
    eprintln!("{why}; the process ends at once");
    std::process::exit(1)
}
