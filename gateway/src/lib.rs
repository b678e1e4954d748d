//! The gateway: the only public entrance to the suite. It identifies the caller, replaces the
//! caller's token by a short-lived internal one, and passes the call on. It stores nothing and has
//! no business rules.

pub mod account;
mod answer;
mod api_keys;
pub mod callers;
mod connect;
pub mod events;
pub mod identity;
pub mod limits;
mod metadata;
mod readiness;
pub mod route;
pub mod versions;
pub mod web;
pub mod webhooks;

use axum::middleware::from_fn;
use clap::{Args, Parser};
pub use connect::CorsOptions;
use connect::{Door, Methods};
use identity::{KeyOptions, KeySet, TokenOptions};
use limits::{LimitOptions, Limits};
use payterms_chassis::{
    Network,
    access::{AccessTable, is_for_peers},
    boot::{self, Running, stop_on_signal},
    config::{self, CommonOptions},
    identity::Signer,
    layers,
    listeners::{Listeners, serve_probes},
    net::{
        pool::pools,
        tls::{Door as DoorTls, Port, port::Guard},
    },
    peers::Peers,
    production::{DEVELOPMENT, Objection, Objections},
    reflection, scraped, serve,
    telemetry::Telemetry,
    topology,
};
use payterms_kernel::{SystemClock, text::without_passwords};
use payterms_proto::gateway::v1::{
    account_service_server::AccountServiceServer, event_service_server::EventServiceServer,
    webhook_delivery_service_server::WebhookDeliveryServiceServer,
};
use readiness::Asker;
use std::{convert::Infallible, ffi::OsString, path::PathBuf, process::ExitCode, sync::Arc};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tower::service_fn;

/// Options that only the gateway has.
#[derive(Debug, Clone, Args)]
pub struct GatewayOptions {
    /// Where the keys of callers' tokens are.
    #[command(flatten)]
    pub keys: KeyOptions,
    /// Address of the payment simulator, whose hosted page is then served at `/simulator/`.
    /// Production refuses it.
    #[arg(long, env = "PAYTERMS_SIMULATOR")]
    pub simulator: Option<String>,
    /// Folder with `tls.crt` and `tls.key`: the certificate that callers are shown, and its key.
    /// They are read again when they change. Without it callers speak plain text.
    #[arg(long, env = "PAYTERMS_DOOR_TLS")]
    pub door_tls: Option<PathBuf>,
    /// Which browsers' pages may call.
    #[command(flatten)]
    pub cors: CorsOptions,
    /// Requirements on callers' tokens.
    #[command(flatten)]
    pub tokens: TokenOptions,
    /// How many calls are taken.
    #[command(flatten)]
    pub limits: LimitOptions,
}

impl GatewayOptions {
    /// Who may call at the door. Objects to plain text there.
    fn guard(&self, objections: &mut Objections, stop: &CancellationToken) -> Guard {
        let Some(folder) = &self.door_tls else {
            objections.refuse("--door-tls", "callers speak plain text; name the folder of the door's certificate with --door-tls");
            return Guard::Plain;
        };
        objections
            .take("--door-tls", DoorTls::follow(folder, stop.clone()))
            .map_or(Guard::Plain, Guard::World)
    }

    fn check_for_production(&self, objections: &mut Objections) {
        self.keys.check(objections, DEVELOPMENT);
        objections.take("--claims", self.tokens.claims_map());
        match self.tokens.issuer.as_deref() {
            None => objections
                .refuse("--issuer", "any issuer whose key is in the JWKS is accepted; name your identity provider's with --issuer"),
            Some(DEVELOPMENT) => {
                objections.refuse(
                    "--issuer",
                    "the issuer of callers' tokens is that of development; name your identity provider's with --issuer",
                );
            }
            Some(_) => {}
        }
        if self.simulator.is_some() {
            objections
                .refuse("--simulator", "the page of the payment simulator would be served, where no card is real; leave --simulator out");
        }
    }
}

#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    common: CommonOptions,
    #[command(flatten)]
    gateway: GatewayOptions,
}

/// The public services that no single package behind the gateway has: the gateway's own ones, and
/// the one that every service behind it has.
const GATEWAY_SERVICES: [&str; 4] = [
    "payterms.gateway.v1.AccountService",
    "payterms.gateway.v1.EventService",
    "payterms.gateway.v1.WebhookDeliveryService",
    "payterms.common.v1.OperationsService",
];

/// Starts the gateway on bound ports; that for calls is served as `port` says.
///
/// # Errors
/// A sentence that names the missing or wrong option, file or key.
pub async fn start(
    keys: &std::path::Path,
    network: &Network,
    listeners: Listeners,
    port: Port,
    options: &GatewayOptions,
    stop: CancellationToken,
) -> Result<Running, String> {
    if options.tokens.issuer.is_none() {
        tracing::warn!(
            "any issuer whose key is in the JWKS is accepted; name the one that callers have with --issuer"
        );
    }
    let access = AccessTable::load()?;
    let packages: Vec<_> = network.addresses.names().collect();
    let mut services = access.services(&packages);
    services.retain(|service| !is_for_peers(service));
    services.extend(GATEWAY_SERVICES.map(str::to_owned));
    let tokens = Arc::new(KeySet::open(&options.keys, options.tokens.clone(), stop.clone())?);
    let open = reflection::with_reflection_and_health(Routes::default(), &services).await?;
    readiness::wait_for_keys(tokens.clone(), open.reporter, services).await;
    // Where probes have no port of their own, who looks after the gateway asks at the door.
    let asker = if listeners.probes.is_some() { Asker::World } else { Asker::Supervisor };
    let (at_door, for_probes) = (
        readiness::readyz(tokens.clone(), asker),
        readiness::readyz(tokens.clone(), Asker::Supervisor),
    );
    let signer = Signer::read(keys, "gateway", Arc::new(SystemClock))?;
    let pools = pools(network, route::connections());
    let clients = Peers::new(signer.clone(), pools.clone());
    let web = web::routes(web::Web::new(clients.clone(), options.simulator.clone()))
        .merge(connect::about(&access))
        .merge(at_door);
    let versions = Arc::new(versions::Versions::new(&topology::load()?, clients.clone()));
    let events = events::Events {
        peers: clients.clone(),
        access: Arc::new(access.clone()),
        cursors: events::CursorKey::read(keys)?,
        stop: stop.clone(),
    };
    let webhook_logs = webhooks::WebhookLogs { peers: clients.clone() };
    let callers =
        Arc::new(callers::Callers::new(tokens, clients.clone(), Arc::new(access.clone())));
    let limits = Arc::new(Limits::new(&options.limits));
    limits.follow(clients.clone(), stop.clone());
    limits::show_in_metrics();
    let router = route::Router::new(callers, access, signer, pools, versions.clone(), limits);
    let guard = router.clone();
    let gathered =
        Routes::new(AccountServiceServer::new(account::Accounts { peers: clients, versions }))
            .add_service(EventServiceServer::new(events))
            .add_service(WebhookDeliveryServiceServer::new(webhook_logs))
            .into_axum_router()
            .reset_fallback()
            .layer(from_fn(layers::deadline))
            .layer(from_fn(move |request, next| route::admit(guard.clone(), request, next)));
    let unauthenticated = open.routes.route_layer(from_fn(layers::small_message));
    let services = router.clone();
    let calls = unauthenticated.merge(gathered).fallback(move |request: axum::extract::Request| {
        let router = router.clone();
        async move { router.pass(request).await }
    });
    let door = Door::new(Methods { of_gateway: layers::edge(calls), services });
    let routes =
        layers::edge(web).fallback_service(service_fn(move |request: axum::extract::Request| {
            let door = door.clone();
            async move { Ok::<_, Infallible>(door.answer(request).await) }
        }));
    let routes = options.cors.wrap(routes)?;
    serve_probes(listeners.probes, open.probes.merge(for_probes), stop.clone());
    Running::spawn(listeners.calls, |listener| serve::serve(listener, routes, port, stop))
}

/// The name of the program.
const PROGRAM: &str = "payterms-gateway";

/// The command line of the gateway.
#[must_use]
pub fn command() -> clap::Command {
    config::command::<Options>(PROGRAM)
}

/// The whole of the gateway's `main`.
#[must_use]
pub fn main() -> ExitCode {
    main_with(std::env::args_os().collect())
}

/// Like [`main`], with the given arguments. The first is the program's name.
#[must_use]
pub fn main_with(arguments: Vec<OsString>) -> ExitCode {
    let options = match config::read::<Options>(PROGRAM, arguments) {
        Ok(options) => options,
        Err((text, code)) => return config::explain(&text, code),
    };
    let outcome = tokio::runtime::Runtime::new()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(run_gateway(options)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("gateway: {}", without_passwords(&text));
            ExitCode::FAILURE
        }
    }
}

/// Looks at what the options name, and objects to what is wrong with it or not for production.
/// Called within a runtime.
fn survey(
    options: &Options,
    objections: &mut Objections,
    stop: &CancellationToken,
) -> (Network, Guard) {
    let network = options.common.network("gateway", objections, stop);
    let guard = options.gateway.guard(objections, stop);
    objections.check_keys(&options.common.keys);
    let signing_key = Signer::read(&options.common.keys, "gateway", Arc::new(SystemClock));
    objections.take(
        "--keys",
        signing_key.and_then(|_| events::CursorKey::read(&options.common.keys)).map(drop),
    );
    objections.take("--cors-origins", options.gateway.cors.wrap(axum::Router::new()).map(drop));
    if objections.is_production() {
        boot::check_peers(&network, topology::load().unwrap_or_default().into_keys(), objections);
    }
    options.gateway.check_for_production(objections);
    (network, guard)
}

/// Reads the configuration of the gateway, and looks at the files and keys that it names, without
/// starting it: all that is wrong. Called within a runtime.
///
/// # Errors
/// What is wrong with the settings themselves, and the exit code.
pub fn check(arguments: Vec<OsString>) -> Result<Vec<Objection>, (String, i32)> {
    let options = config::read::<Options>(PROGRAM, arguments)?;
    let stop = CancellationToken::new();
    let mut objections = Objections::new(options.common.mode);
    let (network, _) = survey(&options, &mut objections, &stop);
    if !objections.is_production() {
        boot::check_peers(
            &network,
            topology::load().unwrap_or_default().into_keys(),
            &mut objections,
        );
    }
    stop.cancel();
    Ok(objections.into_all())
}

async fn run_gateway(options: Options) -> Result<(), String> {
    let telemetry = Telemetry::start("gateway", &options.common.log, &options.common.telemetry)?;
    let stop = stop_on_signal()?;
    let mut objections = Objections::new(options.common.mode);
    let (network, guard) = survey(&options, &mut objections, &stop);
    objections.settle()?;
    let listeners = Listeners::bind(options.common.listen, options.common.probes).await?;
    let port = Port::new(options.common.ages, guard);
    scraped::serve_metrics(&telemetry, &stop).await?;
    let running =
        start(&options.common.keys, &network, listeners, port, &options.gateway, stop).await?;
    tracing::info!(service = "gateway", address = %running.address, "serves");
    running.ended().await
}
