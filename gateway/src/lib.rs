//! The gateway: the only public entrance to the suite. It identifies the caller, replaces the caller's token by a
//! short-lived internal one, and passes the call on. It stores nothing and has no business rules.

pub mod account;
mod answer;
mod connect;
pub mod identity;
pub mod in_flight;
mod metadata;
pub mod route;
pub mod versions;
pub mod web;

use axum::middleware::from_fn;
use clap::{Args, Parser};
pub use connect::CorsOptions;
use connect::Door;
use identity::{KeySet, TokenOptions};
use payterms_chassis::{
    Network,
    access::{AccessTable, is_for_peers},
    boot::{Running, stop_on_signal},
    config::{self, CommonOptions},
    identity::Signer,
    layers,
    net::pool::pools,
    peers::Peers,
    reflection, scraped, serve,
    telemetry::Telemetry,
    topology,
};
use payterms_kernel::{SystemClock, text::without_passwords};
use payterms_proto::gateway::v1::account_service_server::AccountServiceServer;
use std::{ffi::OsString, path::PathBuf, process::ExitCode, sync::Arc};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// Options that only the gateway has.
#[derive(Debug, Clone, Args)]
pub struct GatewayOptions {
    /// File with the public keys (JWKS) of those who issue callers' tokens.
    #[arg(long, env = "PAYTERMS_JWKS", default_value = "keys/jwks.json")]
    pub jwks: PathBuf,
    /// Address of the payment simulator, whose hosted page is then served at `/simulator/`.
    #[arg(long, env = "PAYTERMS_SIMULATOR")]
    pub simulator: Option<String>,
    /// Which browsers' pages may call.
    #[command(flatten)]
    pub cors: CorsOptions,
    /// Requirements on callers' tokens.
    #[command(flatten)]
    pub tokens: TokenOptions,
}

#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    common: CommonOptions,
    #[command(flatten)]
    gateway: GatewayOptions,
}

/// The public services that no single package behind the gateway has: the gateway's own one, and the one that every
/// service behind it has.
const GATEWAY_SERVICES: [&str; 2] = ["payterms.gateway.v1.AccountService", "payterms.common.v1.OperationsService"];

/// Starts the gateway on a bound listener.
///
/// # Errors
/// A sentence that names the missing or wrong option, file or key.
pub async fn start(
    keys: &std::path::Path,
    network: &Network,
    listener: TcpListener,
    options: &GatewayOptions,
    stop: CancellationToken,
) -> Result<Running, String> {
    if options.tokens.issuer.is_none() {
        tracing::warn!("any issuer whose key is in the file of keys is accepted; name the one that callers have with --issuer");
    }
    let access = AccessTable::load()?;
    let packages: Vec<_> = network.addresses.names().collect();
    let mut services = access.services(&packages);
    services.retain(|service| !is_for_peers(service));
    services.extend(GATEWAY_SERVICES.map(str::to_owned));
    let (unauthenticated, _health) = reflection::with_reflection_and_health(Routes::default(), &services).await?;
    let signer = Signer::read(keys, "gateway", Arc::new(SystemClock))?;
    let pools = pools(&network.addresses, route::CONNECTIONS);
    let clients = Peers::new(signer.clone(), pools.clone());
    let web = web::routes(web::Web::new(clients.clone(), options.simulator.clone())).merge(connect::about(&access));
    let versions = Arc::new(versions::Versions::new(&topology::load()?, clients.clone()));
    let router = route::Router::new(KeySet::read(&options.jwks, options.tokens.clone())?, access, signer, pools, versions.clone());
    let guard = router.clone();
    let account = Routes::new(AccountServiceServer::new(account::Accounts { peers: clients, versions }))
        .into_axum_router()
        .reset_fallback()
        .layer(from_fn(layers::deadline))
        .layer(from_fn(move |request, next| route::admit(guard.clone(), request, next)));
    let unauthenticated = unauthenticated.route_layer(from_fn(layers::small_message));
    let calls = unauthenticated.merge(account).fallback(move |request: axum::extract::Request| {
        let router = router.clone();
        async move { router.pass(request).await }
    });
    let door = Door::new(layers::edge(calls));
    let routes = layers::edge(web).fallback(move |request: axum::extract::Request| door.clone().answer(request));
    let routes = options.cors.wrap(routes)?;
    let network = network.clone();
    Running::spawn(listener, |listener| serve::serve(listener, routes, network, stop))
}

/// The command line of the gateway.
#[must_use]
pub fn command() -> clap::Command {
    config::command::<Options>()
}

/// The whole of the gateway's `main`.
#[must_use]
pub fn main() -> ExitCode {
    main_with(std::env::args_os().collect())
}

/// Like [`main`], with the given arguments. The first is the program's name.
#[must_use]
pub fn main_with(arguments: Vec<OsString>) -> ExitCode {
    let options = match config::read::<Options>(arguments) {
        Ok(options) => options,
        Err(refused) => return config::explain(refused),
    };
    let outcome =
        tokio::runtime::Runtime::new().map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(run_gateway(options)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("gateway: {}", without_passwords(&text));
            ExitCode::FAILURE
        }
    }
}

async fn run_gateway(options: Options) -> Result<(), String> {
    let telemetry = Telemetry::start("gateway", &options.common.log, &options.common.telemetry)?;
    let network = options.common.network()?;
    let stop = stop_on_signal()?;
    let listener = TcpListener::bind(options.common.listen).await.map_err(|error| format!("{}: {error}", options.common.listen))?;
    scraped::serve_metrics(&telemetry, &network, &stop).await?;
    let running = start(&options.common.keys, &network, listener, &options.gateway, stop).await?;
    tracing::info!(service = "gateway", address = %running.address, "serves");
    running.ended().await
}
