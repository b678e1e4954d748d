//! The command line: starts the suite, mints development tokens, runs the simulator.

use crate::{
    Suite, SuiteOptions, banner, demo,
    start::{development_token, ensure_secret},
};
use clap::{Args, Parser, Subcommand};
use payterms_chassis::{
    boot::stop_on_signal,
    call::Caller,
    config,
    db::DatabaseOptions,
    kill,
    production::Mode,
    scraped,
    telemetry::{Telemetry, TelemetryOptions},
};
use payterms_gateway::{CorsOptions, identity::LONGEST_TOKEN_SECONDS};
use payterms_kernel::text::without_passwords;
use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Instant};

#[derive(Debug, Parser)]
#[command(name = "payterms", about = "Prepaid credit, invoices, deferred payment and payment plans behind one gRPC door")]
struct Options {
    #[command(flatten)]
    run: RunOptions,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Args)]
struct RunOptions {
    /// Folder of keys and databases; made if missing.
    #[arg(long, env = "PAYTERMS_DATA", default_value = "data", global = true)]
    data: PathBuf,
    /// Keep nothing: use a temporary folder that goes with the process.
    #[arg(long)]
    ephemeral: bool,
    /// What it serves. All in one process is for development: it makes its own keys, has plain text between its parts, and a simulator
    /// for a payment provider. In production it does not start.
    #[arg(long, env = "PAYTERMS_MODE", value_enum, default_value_t = Mode::Development)]
    mode: Mode,
    /// Where the gateway listens.
    #[arg(long, env = "PAYTERMS_LISTEN", default_value = "127.0.0.1:50051")]
    listen: SocketAddr,
    /// `host:port/database` of a migrated PostgreSQL instead of SQLite.
    #[arg(long, env = "PAYTERMS_POSTGRES")]
    postgres: Option<String>,
    /// Address of a payment simulator that runs elsewhere; one is started here if not given.
    #[arg(long, env = "PAYTERMS_SIMULATOR")]
    simulator: Option<String>,
    /// Where mails go: `file:FOLDER`, `smtp://HOST:PORT` or `smtps://USER:PASSWORD@HOST`; the folder `mail`
    /// beside the keys if not given.
    #[arg(long, env = "PAYTERMS_MAIL")]
    mail: Option<String>,
    /// Address of Plaid, where bank accounts are linked with the credentials in `plaid.credentials` beside the keys; the
    /// simulator's banks if not given.
    #[arg(long, env = "PAYTERMS_PLAID")]
    plaid: Option<String>,
    /// Address of VIES, `https://ec.europa.eu/taxation_customs/vies`, where tax numbers of the European Union are verified; people
    /// verify them if not given.
    #[arg(long, env = "PAYTERMS_VIES")]
    vies: Option<String>,
    /// Which browsers' pages may call.
    #[command(flatten)]
    cors: CorsOptions,
    /// How each service uses PostgreSQL.
    #[command(flatten)]
    database: DatabaseOptions,
    /// Logs, traces and metrics.
    #[command(flatten)]
    telemetry: TelemetryOptions,
    /// Which lines are logged, in the syntax of tracing's `EnvFilter`.
    #[arg(long, env = "PAYTERMS_LOG", default_value = "warn", global = true)]
    log: String,
    /// The point at which a debug build kills itself, for tests.
    #[arg(long, env = "PAYTERMS_KILL_AT", hide = true)]
    kill_at: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Mints a development token against the key in the data folder.
    Token(TokenOptions),
    /// Plays the stories in simulated time through the gateway, on a suite that keeps nothing.
    Demo(DemoOptions),
    /// Runs the payment simulator as a process of its own.
    Simulator(SimulatorOptions),
}

#[derive(Debug, Args)]
struct DemoOptions {
    /// A CSV of usage: `request_id`, `usage_time`, `product`, `quantity`, `unit_price`.
    #[arg(long)]
    usage: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct SimulatorOptions {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:50060")]
    at: SocketAddr,
    /// Where notifications go: the gateway's address.
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    notify: String,
}

#[derive(Debug, Args)]
struct TokenOptions {
    /// Role, such as STAFF; may be given several times.
    #[arg(long = "role", required = true)]
    roles: Vec<String>,
    /// Tenant slug; none for an OPERATOR.
    #[arg(long)]
    tenant: Option<String>,
    /// Id of the customer that a member acts for.
    #[arg(long)]
    customer: Option<uuid::Uuid>,
    /// Subject of the token.
    #[arg(long, default_value = "dev:person")]
    subject: String,
    /// How long it lives; the gateway takes no longer ones.
    #[arg(long, default_value_t = 3_600, value_parser = clap::value_parser!(i64).range(1..=LONGEST_TOKEN_SECONDS))]
    seconds: i64,
}

/// The command line of `payterms`.
#[must_use]
pub fn command() -> clap::Command {
    config::command::<Options>()
}

/// The whole of `payterms`.
#[must_use]
pub fn main() -> ExitCode {
    let started = Instant::now();
    let options: Options = match config::read_arguments(std::env::args_os().collect()) {
        Ok(options) => options,
        Err(refused) => return config::explain(refused),
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string());
    let outcome = runtime.and_then(|runtime| {
        runtime.block_on(async {
            match &options.command {
                None => serve(&options.run, started).await,
                Some(Command::Token(token)) => mint(&options.run, token),
                Some(Command::Demo(demo)) => {
                    let _telemetry = Telemetry::start("demo", &options.run.log, &options.run.telemetry)?;
                    Box::pin(demo::play(demo.usage.clone(), options.run.postgres.clone())).await
                }
                Some(Command::Simulator(simulator)) => simulate(&options.run, simulator).await,
            }
        })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("payterms: {}", without_passwords(&text));
            ExitCode::FAILURE
        }
    }
}

fn mint(run: &RunOptions, options: &TokenOptions) -> Result<(), String> {
    let tenant = options.tenant.as_deref().map(str::parse).transpose().map_err(|_| "the tenant is no slug".to_owned())?;
    let caller =
        Caller { subject: options.subject.clone(), roles: options.roles.clone(), tenant, customer: options.customer, run_id: None };
    println!("{}", development_token(&run.data.join("keys"), &caller, options.seconds)?);
    Ok(())
}

async fn simulate(run: &RunOptions, options: &SimulatorOptions) -> Result<(), String> {
    let keys = run.data.join("keys");
    std::fs::create_dir_all(&keys).map_err(|error| error.to_string())?;
    let secret = keys.join("simulator.secret");
    ensure_secret(&secret)?;
    let secret = std::fs::read(secret).map_err(|error| error.to_string())?;
    let listener = tokio::net::TcpListener::bind(options.at).await.map_err(|error| format!("{}: {error}", options.at))?;
    println!("The payment simulator serves on {}.", listener.local_addr().map_err(|error| error.to_string())?);
    let world = payterms_simulator::Options { file: run.data.join("simulator.db"), notify: options.notify.clone(), secret };
    payterms_simulator::serve(listener, world, stop_on_signal()?).await
}

async fn serve(run: &RunOptions, started: Instant) -> Result<(), String> {
    let telemetry = Telemetry::start("suite", &run.log, &run.telemetry)?;
    if run.mode == Mode::Production {
        return Err(
            "it does not start in production: all in one process makes development keys, speaks plain text between its parts, and \
                    charges a simulator. Start payterms-gateway and the services as processes of their own."
                .to_owned(),
        );
    }
    kill::arm(run.kill_at.clone());
    let folder = run.ephemeral.then(tempfile::tempdir).transpose().map_err(|error| error.to_string())?;
    let data = folder.as_ref().map_or_else(|| run.data.clone(), |folder| folder.path().to_path_buf());
    let stop = stop_on_signal()?;
    scraped::serve_metrics(&telemetry, &stop).await?;
    let options = SuiteOptions {
        data: data.clone(),
        listen: run.listen,
        postgres: run.postgres.clone(),
        simulator: run.simulator.clone(),
        mail: run.mail.clone(),
        plaid: run.plaid.clone(),
        vies: run.vies.clone(),
        cors: run.cors.clone(),
        database: run.database.clone(),
    };
    let suite = Suite::start(&options, stop.clone()).await?;
    let customer = banner::seed(&suite).await?;
    print!("{}", banner::text(&suite, &customer, &data.display().to_string())?);
    println!("\nReady after {} ms.", started.elapsed().as_millis());
    suite.ended().await
}
