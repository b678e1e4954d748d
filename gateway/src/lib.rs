//! The gateway: the one door to the suite. It checks who calls, exchanges the caller's token for
//! a short-lived internal one, and passes the call on. It stores nothing and knows no rule of
//! money.

pub mod account;
mod answer;
pub mod identity;
pub mod in_flight;
pub mod route;
pub mod versions;
pub mod web;

use axum::middleware::from_fn;
use clap::{Args, Parser};
use identity::{KeySet, TokenOptions};
use payterms_chassis::{
    access::AccessTable,
    boot::{Running, stop_on_signal},
    config::{self, CommonOptions},
    identity::Signer,
    layers,
    peers::Peers,
    reflection, serve,
    telemetry::Telemetry,
    topology,
};
use payterms_kernel::{SystemClock, text::without_passwords};
use payterms_proto::gateway::v1::account_service_server::AccountServiceServer;
use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, process::ExitCode, sync::Arc};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// Options of the gateway alone.
#[derive(Debug, Clone, Args)]
pub struct GatewayOptions {
    /// File with the public keys (JWKS) of those who issue callers' tokens.
    #[arg(long, env = "PAYTERMS_JWKS", default_value = "keys/jwks.json")]
    pub jwks: PathBuf,
    /// Address of the payment simulator, whose hosted page is then served at `/simulator/`.
    #[arg(long, env = "PAYTERMS_SIMULATOR")]
    pub simulator: Option<String>,
    /// What callers' tokens must be like.
    #[command(flatten)]
    pub tokens: TokenOptions,
}

#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    common: CommonOptions,
    #[command(flatten)]
    own: GatewayOptions,
}

/// What the door itself serves, and what every service has behind it.
const OWN: [&str; 2] = ["payterms.gateway.v1.AccountService", "payterms.common.v1.OperationsService"];

/// Starts the gateway on a bound listener.
///
/// # Errors
/// A sentence that says what is missing or wrong.
pub async fn start(
    keys: &std::path::Path,
    peers: &BTreeMap<String, String>,
    listener: TcpListener,
    options: &GatewayOptions,
    stop: CancellationToken,
) -> Result<Running, String> {
    if options.tokens.issuer.is_none() {
        tracing::warn!("any issuer whose key is in the file of keys is accepted; name the one that callers have with --issuer");
    }
    let access = AccessTable::load()?;
    let packages: Vec<_> = peers.keys().map(String::as_str).collect();
    let mut services = access.services(&packages);
    services.extend(OWN.map(str::to_owned));
    let (open, _health) = reflection::with_reflection_and_health(Routes::default(), &services).await?;
    let signer = Signer::read(keys, "gateway", Arc::new(SystemClock))?;
    let known = Peers::new(signer.clone(), peers)?;
    let web = web::routes(web::Web::new(known.clone(), options.simulator.clone()));
    let versions = Arc::new(versions::Versions::new(&topology::load()?, known.clone()));
    let door = route::Router::new(KeySet::read(&options.jwks, options.tokens.clone())?, access, signer, peers, versions.clone())?;
    let guard = door.clone();
    let own = Routes::new(AccountServiceServer::new(account::Accounts { peers: known, versions }))
        .into_axum_router()
        .reset_fallback()
        .layer(from_fn(layers::deadline))
        .layer(from_fn(move |request, next| route::admit(guard.clone(), request, next)));
    let open = open.route_layer(from_fn(layers::small_message));
    let routes = open.merge(web).merge(own).fallback(move |request: axum::extract::Request| {
        let door = door.clone();
        async move { door.pass(request).await }
    });
    Running::spawn(listener, |listener| serve::serve(listener, layers::edge(routes), stop))
}

/// The whole of the gateway's `main`.
#[must_use]
pub fn main() -> ExitCode {
    main_with(std::env::args_os().collect())
}

/// The same, with arguments of the caller's; the first is the program's name.
#[must_use]
pub fn main_with(arguments: Vec<OsString>) -> ExitCode {
    let options = match config::read::<Options>(arguments) {
        Ok(options) => options,
        Err(refused) => return config::explain(refused),
    };
    let outcome = tokio::runtime::Runtime::new().map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(run(options)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("gateway: {}", without_passwords(&text));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), String> {
    let _telemetry = Telemetry::start("gateway", &options.common.log, &options.common.tracing)?;
    let peers = options.common.peer_addresses()?;
    let stop = stop_on_signal()?;
    let listener = TcpListener::bind(options.common.listen).await.map_err(|error| format!("{}: {error}", options.common.listen))?;
    let running = start(&options.common.keys, &peers, listener, &options.own, stop).await?;
    tracing::info!(service = "gateway", address = %running.address, "serves");
    running.ended().await
}
