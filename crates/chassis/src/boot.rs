//! How a service starts and stops: configuration, keys, database, routes, then ready; on SIGTERM a
//! graceful drain. A new service implements [`Service`] and gets all of it.

mod check;
mod parts;
mod tasks;
mod wiring;

pub use crate::signals::stop_on_signal;
use check::peers_of;
pub use check::{check, check_peers};
pub use parts::{Parts, Runtime};

use crate::{
    config::{self, CommonOptions, WebhookOptions},
    db::{DatabaseOptions, Db, sql},
    edge::{
        access::AccessTable,
        early,
        layers::{self, Guard},
        listeners::{Listeners, serve_probes},
        reflection, scraped, serve,
    },
    flow::background::Background,
    kill,
    net::{Network, broker::BrokerOptions},
    production::Objections,
    telemetry::Telemetry,
    webhooks::Webhooks,
    wire::{
        identity::{Signer, Verifier},
        key_derived::DerivedSecret,
        page::PageSigner,
        topology,
    },
};
use clap::{Args, Command, Parser};
use payterms_kernel::{Clock, SystemClock, text::without_passwords};
use std::{
    ffi::OsString,
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use wiring::{Bus, wire};

/// Calls under way at once. More are refused: a queue would only let them all miss their deadlines.
const MAX_CALLS: usize = 2_048;

/// A service: its name, schema and options, and its parts.
pub trait Service: Send + 'static {
    /// The name of its schema, its key, its tokens' audience and its events' source.
    const NAME: &'static str;
    /// The newest migration of its schema. The service is not ready before that has run.
    const SCHEMA_VERSION: &'static str;
    /// Tables besides `requests` whose rows store the request that wrote them, in the columns
    /// `request_id` and `input_hash`: those of its batched verbs, which save a row that way.
    const REQUESTS_IN: &'static [&'static str] = &[];
    /// The options that only this service has.
    type Options: Args + Clone + std::fmt::Debug + Send + Sync + 'static;

    /// Objects to options that are not for production.
    fn check_for_production(_: &Self::Options, _: &mut Objections) {}

    /// Objects to files that the options name and that it could not be built with. It writes
    /// nothing.
    fn check_files(_: &Self::Options, _: &mut Objections) {}

    /// Builds the service's parts.
    fn build(
        runtime: Runtime,
        options: Self::Options,
    ) -> impl Future<Output = Result<Parts, String>> + Send;
}

/// A running service. It ends when its stop token is cancelled.
#[derive(Debug)]
pub struct Running {
    /// The address on which it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
    failure: Arc<OnceLock<String>>,
}

impl Running {
    /// Serves on a bound listener, in a task of its own.
    ///
    /// # Errors
    /// A sentence if the listener's address cannot be read.
    pub fn spawn<F: Future<Output = ()> + Send + 'static>(
        listener: TcpListener,
        serve: impl FnOnce(TcpListener) -> F,
    ) -> Result<Self, String> {
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        Ok(Self { address, task: tokio::spawn(serve(listener)), failure: Arc::default() })
    }

    /// Waits until the service has stopped.
    ///
    /// # Errors
    /// The reason, if it stopped by itself.
    pub async fn ended(self) -> Result<(), String> {
        let _ = self.task.await;
        self.failure.get().map_or(Ok(()), |reason| Err(reason.clone()))
    }
}

/// Starts a service on an open database and bound ports.
///
/// # Errors
/// A sentence that names the key, address or table that is missing or wrong.
pub async fn start<S: Service>(
    db: Db,
    keys: &Path,
    network: &Network,
    listeners: impl Into<Listeners>,
    options: S::Options,
    stop: CancellationToken,
) -> Result<Running, String> {
    let listeners = listeners.into();
    let services = vec![format!("payterms.{}.v1", S::NAME)];
    if !has_schema::<S>(&db).await {
        // Recorded before the port answers, so that readiness probes see it and no call is sent
        // here.
        db.health().waits_for_schema(S::SCHEMA_VERSION);
        early::until(
            &listeners,
            network.port(),
            db.health(),
            &services,
            wait_for_schema::<S>(&db, &stop),
        )
        .await?;
    }
    db.note_made()?;
    let db = db.with_requests_in(S::REQUESTS_IN);
    let bus = Bus::open::<S>(&db, keys, network).await?;
    let copies = bus.copies.clone();
    let access = AccessTable::load()?;
    let pages = PageSigner::new(&DerivedSecret::PageTokens.read(keys, S::NAME)?);
    let webhooks = Webhooks::open(keys, network.webhooks.clone(), &access)?;
    let runtime = Runtime {
        db: db.clone(),
        peers: bus.peers.clone(),
        flows: bus.flows.clone(),
        pages: pages.clone(),
        webhooks: webhooks.clone(),
        stop: stop.clone(),
    };
    let parts = S::build(runtime, options).await?;
    let (routes, tasks) = wire(bus, parts, webhooks, pages, &stop)?;
    let open =
        reflection::with_reflection_and_health(routes, &access.services(&[S::NAME, "common"]))
            .await?;
    let issuers = topology::callers(&topology::load()?, S::NAME);
    let guard =
        Guard::new(S::NAME, access, Verifier::read(keys, S::NAME, &issuers)?, copies, MAX_CALLS);
    let background = Background::new(db.health().clone(), stop.clone());
    let failure = background.failure();
    let tasks = tasks.start(&background, &stop, open.reporter, services);
    let readiness = early::readiness(db.health().clone());
    let port = network.port();
    let probes = serve_probes(listeners.probes, open.probes.merge(readiness.clone()), stop.clone());
    let running = Running::spawn(listeners.calls, |listener| async move {
        serve::serve(listener, layers::wrap(open.routes, &guard).merge(readiness), port, stop)
            .await;
        for task in tasks.into_iter().chain(probes) {
            let _ = task.await;
        }
        db.close().await;
    })?;
    Ok(Running { failure, ..running })
}

/// Waits until the schema has the version that this build needs. The service is not ready
/// meanwhile.
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
    #[command(flatten)]
    webhooks: WebhookOptions,
    #[command(flatten)]
    address: DatabaseAddress,
    #[command(flatten)]
    database: DatabaseOptions,
    #[command(flatten)]
    broker: BrokerOptions,
    #[command(flatten)]
    service: O,
}

/// Where the database is. The address may hold a password, so it may be in a file.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct DatabaseAddress {
    /// `postgres://…`, or `sqlite:<file>`.
    #[arg(long, env = "PAYTERMS_DATABASE_URL")]
    database_url: Option<String>,
    /// A file with this address.
    #[arg(long, env = "PAYTERMS_DATABASE_URL_FILE")]
    database_url_file: Option<PathBuf>,
}

impl DatabaseAddress {
    /// The setting that the address is of.
    fn setting(&self) -> &'static str {
        if self.database_url_file.is_some() { "--database-url-file" } else { "--database-url" }
    }

    fn url(&self) -> Result<String, String> {
        let from_file = self.database_url_file.as_deref().map(config::value_in).transpose()?;
        from_file
            .or_else(|| self.database_url.clone())
            .ok_or_else(|| "--database-url is missing".to_owned())
    }
}

/// The command line of a service.
#[must_use]
pub fn command<S: Service>() -> Command {
    config::command::<ServiceOptions<S::Options>>(&program::<S>())
}

/// The name of a service's program.
fn program<S: Service>() -> String {
    format!("payterms-{}", S::NAME)
}

/// The whole of a service's `main`.
#[must_use]
pub fn main<S: Service>() -> ExitCode {
    main_with::<S>(std::env::args_os().collect())
}

/// As [`main`], with the caller's arguments; the first is the program's name.
#[must_use]
pub fn main_with<S: Service>(arguments: Vec<OsString>) -> ExitCode {
    let options = match config::read::<ServiceOptions<S::Options>>(&program::<S>(), arguments) {
        Ok(options) => options,
        Err((text, code)) => return config::explain(&text, code),
    };
    let outcome = tokio::runtime::Runtime::new()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(serve_until_stopped::<S>(options)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{}: {}", S::NAME, without_passwords(&text));
            ExitCode::FAILURE
        }
    }
}

async fn serve_until_stopped<S: Service>(
    options: ServiceOptions<S::Options>,
) -> Result<(), String> {
    let telemetry = Telemetry::start(S::NAME, &options.common.log, &options.common.telemetry)?;
    kill::arm(options.common.kill_at.clone());
    let stop = stop_on_signal()?;
    let mut objections = Objections::new(options.common.mode);
    let network = survey::<S>(&options, &mut objections, &stop);
    let network =
        Network { broker: options.broker.open(S::NAME, &mut objections).await, ..network };
    let db = open_database::<S>(&options, &mut objections).await;
    objections.settle()?;
    let Some(db) = db else { return Err("its database is not open".to_owned()) };
    let listeners = Listeners::bind(options.common.listen, options.common.probes).await?;
    scraped::serve_metrics(&telemetry, &stop).await?;
    let running =
        start::<S>(db, &options.common.keys, &network, listeners, options.service, stop).await?;
    tracing::info!(service = S::NAME, address = %running.address, "serves");
    running.ended().await
}

/// Looks at what the options name, and objects to what is wrong with it or not for production.
/// Called within a runtime.
fn survey<S: Service>(
    options: &ServiceOptions<S::Options>,
    objections: &mut Objections,
    stop: &CancellationToken,
) -> Network {
    let network = options.common.network(S::NAME, objections, stop);
    let network = Network { webhooks: options.webhooks.rules(objections), ..network };
    if objections.is_production() {
        check_peers(&network, peers_of::<S>().into_iter(), objections);
    }
    objections.check_secret("--keys", &options.common.keys.join(Webhooks::KEY));
    objections.take("--keys", Webhooks::seal(&options.common.keys).map(drop));
    objections.check_keys(&options.common.keys);
    check_signing_keys::<S>(&options.common.keys, objections);
    S::check_for_production(&options.service, objections);
    S::check_files(&options.service, objections);
    network
}

/// Objects to keys that are missing or malformed: its own, and the public one of each part that
/// calls it.
fn check_signing_keys<S: Service>(keys: &Path, objections: &mut Objections) {
    let signing_key = Signer::read(keys, S::NAME, Arc::new(SystemClock))
        .and_then(|_| DerivedSecret::PageTokens.read(keys, S::NAME));
    objections.take("--keys", signing_key.map(drop));
    for issuer in topology::callers(&topology::load().unwrap_or_default(), S::NAME) {
        objections.take("--keys", Verifier::read(keys, S::NAME, &[issuer]).map(drop));
    }
}

async fn open_database<S: Service>(
    options: &ServiceOptions<S::Options>,
    objections: &mut Objections,
) -> Option<Db> {
    let setting = options.address.setting();
    let url = objections.take(setting, options.address.url())?;
    if !objections.check_address(setting, &url) {
        return None;
    }
    let database =
        DatabaseOptions { must_be_durable: objections.is_production(), ..options.database.clone() };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    objections.take(setting, Db::open_with(&url, S::NAME, clock, &database).await)
}
