//! The command line: starts the suite, runs the simulator, and the operator's commands.

use crate::{
    Suite, SuiteOptions,
    banner::{self, Places},
    demo::{self, DemoOptions},
    operate::{
        Outcome,
        clock::{self, ClockCommand},
        config_check::{self, ConfigCommand},
        dead_letters::{self, DeadLetterCommand},
        events::{self, EventCommand},
        health::{self, HealthOptions},
        keys::{self, KeyCommand},
        output,
        queues::{self, DueOptions, FlowOptions, WebhookOptions as WaitingOptions},
        sealed::{self, SealedOptions},
        seed::{self, SeedOptions},
        token::{TokenOptions, mint},
        usage::{self, UsageCommand},
        verify::{self, VerifyOptions},
    },
    start::ensure_secret,
};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use payterms_chassis::{
    boot::stop_on_signal,
    config::{self, WebhookOptions},
    db::DatabaseOptions,
    kill,
    net::broker::BrokerOptions,
    production::{DEVELOPMENT, Mode, Objections},
    scraped,
    telemetry::{Telemetry, TelemetryOptions},
    variables,
};
use payterms_gateway::{
    CorsOptions,
    identity::{KeyAddressOptions, KeyOptions, TokenOptions as CallerTokenOptions},
    limits::LimitOptions,
};
use payterms_kernel::text::without_passwords;
use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Instant};

#[derive(Debug, Parser)]
#[command(
    name = "payterms",
    about = "Prepaid credit, invoices, deferred payment and payment plans behind one gRPC door. Without a command it starts all of it in this \
             process; the commands call a suite that runs, wherever that is (docs/operating.md)",
    after_help = "Exit codes: 0 done; 1 it failed; 2 wrong use; 3 what was looked for is wrong; 4 not all could be looked at."
)]
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
    /// Open the tenant with one customer and nothing else, as the guides begin. If not given, it
    /// has all that there is to try: a card, a wallet, an invoice, a programme.
    #[arg(long)]
    bare: bool,
    /// What it serves. All in one process is for development: it makes its own keys, has plain text
    /// between its parts, and a simulator for a payment provider. In production it does not start.
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
    /// Where mails go: `file:FOLDER`, `smtp://HOST:PORT` or `smtps://USER:PASSWORD@HOST`; the
    /// folder `mail` beside the keys if not given.
    #[arg(long, env = "PAYTERMS_MAIL")]
    mail: Option<String>,
    /// File with the authorities (PEM) of which the mail server's certificate may be, besides the
    /// public ones.
    #[arg(long, env = "PAYTERMS_MAIL_CA")]
    mail_ca: Option<PathBuf>,
    /// The address that mails are from; the tenant's is where replies go.
    #[arg(long, env = "PAYTERMS_MAIL_FROM", default_value = "billing@payterms.example")]
    mail_from: String,
    /// Address of Plaid, where bank accounts are linked with the credentials in `plaid.credentials`
    /// beside the keys; the simulator's banks if not given.
    #[arg(long, env = "PAYTERMS_PLAID")]
    plaid: Option<String>,
    /// Address of Stripe, which tenants connect their accounts at.
    #[arg(
        long,
        env = "PAYTERMS_STRIPE",
        default_value = "https://api.stripe.com",
        hide_env_values = true
    )]
    stripe: String,
    /// Address of VIES, `https://ec.europa.eu/taxation_customs/vies`, where tax numbers of the
    /// European Union are verified; people verify them if not given.
    #[arg(long, env = "PAYTERMS_VIES")]
    vies: Option<String>,
    /// File with the public keys (JWKS) of who issues callers' tokens. It is read again when it
    /// changes, and never written. If not given, the development key of the data folder signs them,
    /// and a tenant to try things out with is made.
    #[arg(long, env = "PAYTERMS_JWKS")]
    jwks: Option<PathBuf>,
    /// The issuer's address in the place of that file, as the gateway reads it.
    #[command(flatten)]
    jwks_address: KeyAddressOptions,
    /// Requirements on callers' tokens that the issuer's keys have signed.
    #[command(flatten)]
    tokens: CallerTokenOptions,
    /// Which browsers' pages may call.
    #[command(flatten)]
    cors: CorsOptions,
    /// How many calls are taken.
    #[command(flatten)]
    limits: LimitOptions,
    /// Where webhooks may go.
    #[command(flatten)]
    webhooks: WebhookOptions,
    /// How each service uses PostgreSQL.
    #[command(flatten)]
    database: DatabaseOptions,
    #[command(flatten)]
    broker: BrokerOptions,
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
    Token(TokenOptions),
    /// Makes and replaces the keys that sign tokens, and publishes those that count.
    #[command(subcommand)]
    Keys(KeyCommand),
    Verify(VerifyOptions),
    /// Looks after events that a service could not apply.
    #[command(subcommand)]
    DeadLetters(DeadLetterCommand),
    /// Reads public events.
    #[command(subcommand)]
    Events(EventCommand),
    Seed(SeedOptions),
    /// Records what customers used.
    #[command(subcommand)]
    Usage(UsageCommand),
    Flows(FlowOptions),
    Due(DueOptions),
    Webhooks(WaitingOptions),
    /// Counts sealed values, such as secrets of webhooks, by the keys that they are sealed with.
    /// Exit code 3: some are sealed with another key than the one that seals now.
    #[command(after_help = "Example: payterms sealed --output json")]
    Sealed(SealedOptions),
    /// Seals values again with the key that seals now, and counts them as `sealed` does. It can be
    /// interrupted and repeated at any time.
    #[command(after_help = "Example: payterms reseal")]
    Reseal(SealedOptions),
    /// Lets the time of a sandbox tenant pass.
    #[command(subcommand)]
    Clock(ClockCommand),
    /// Looks at the configuration of a part.
    #[command(subcommand)]
    Config(ConfigCommand),
    Health(HealthOptions),
    /// Prints the completions of a shell.
    #[command(after_help = "Example: payterms completions bash > /etc/bash_completion.d/payterms")]
    Completions(CompletionOptions),
    /// Plays the stories in simulated time through the gateway, on a suite that keeps nothing
    /// unless it is told to.
    Demo(DemoOptions),
    /// Runs the payment simulator as a process of its own.
    Simulator(SimulatorOptions),
}

#[derive(Debug, Args)]
struct CompletionOptions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
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

/// The name of the program.
const PROGRAM: &str = "payterms";

/// The command line of `payterms`.
#[must_use]
pub fn command() -> clap::Command {
    config::command::<Options>(PROGRAM)
}

/// The whole of `payterms`.
#[must_use]
pub fn main() -> ExitCode {
    let started = Instant::now();
    let options: Options = match config::read_arguments(PROGRAM, std::env::args_os().collect()) {
        Ok(options) => options,
        Err((text, code)) => return config::explain(&text, code),
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| (error.to_string(), 1));
    let outcome = runtime.and_then(|runtime| runtime.block_on(run(&options, started)));
    match outcome {
        Ok(outcome) => outcome.into(),
        Err((text, code)) => {
            eprintln!("payterms: {}", without_passwords(&text));
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
    }
}

/// Runs what the command line says. The error is a sentence and the exit code.
async fn run(options: &Options, started: Instant) -> Result<Outcome, (String, i32)> {
    let data = options.run.data.as_path();
    let done = match &options.command {
        None => serve(&options.run, started).await.map(|()| Outcome::Well),
        Some(Command::Token(token)) => {
            mint(token, data).and_then(|token| output::line(&token)).map(|()| Outcome::Well)
        }
        Some(Command::Keys(command)) => keys::run(command),
        Some(Command::Verify(verify)) => Box::pin(verify::run(verify, data)).await,
        Some(Command::DeadLetters(command)) => dead_letters::run(command, data).await,
        Some(Command::Events(command)) => Box::pin(events::run(command, data)).await,
        Some(Command::Seed(seed)) => Box::pin(seed::run(seed, data)).await,
        Some(Command::Usage(command)) => Box::pin(usage::run(command, data)).await,
        Some(Command::Flows(flows)) => queues::run_flows(flows, data).await,
        Some(Command::Due(due)) => queues::run_due(due, data).await,
        Some(Command::Webhooks(webhooks)) => queues::run_webhooks(webhooks, data).await,
        Some(Command::Sealed(sealed)) => sealed::run_sealed(sealed, data).await,
        Some(Command::Reseal(sealed)) => sealed::run_reseal(sealed, data).await,
        Some(Command::Clock(command)) => clock::run(command, data).await,
        Some(Command::Config(command)) => return Box::pin(config_check::run(command)).await,
        Some(Command::Health(health)) => Box::pin(health::run(health, data)).await,
        Some(Command::Completions(completions)) => {
            let mut text = Vec::new();
            clap_complete::generate(completions.shell, &mut command(), PROGRAM, &mut text);
            output::line(String::from_utf8_lossy(&text).trim_end()).map(|()| Outcome::Well)
        }
        Some(Command::Demo(demo)) => play(&options.run, demo).await.map(|()| Outcome::Well),
        Some(Command::Simulator(simulator)) => {
            simulate(&options.run, simulator).await.map(|()| Outcome::Well)
        }
    };
    done.map_err(|error| (error, 1))
}

impl RunOptions {
    /// Where the public keys of who issues callers' tokens are; none: the suite signs them itself.
    fn issuer_keys(&self) -> Option<KeyOptions> {
        let file = self
            .jwks
            .clone()
            .or_else(|| self.jwks_address.jwks_url.as_ref().map(|_| PathBuf::new()))?;
        Some(KeyOptions { jwks: file, address: self.jwks_address.clone() })
    }
}

async fn play(run: &RunOptions, options: &DemoOptions) -> Result<(), String> {
    let _telemetry = Telemetry::start("demo", &run.log, &run.telemetry)?;
    Box::pin(demo::play(options, run.postgres.clone(), run.broker.clone())).await
}

async fn simulate(run: &RunOptions, options: &SimulatorOptions) -> Result<(), String> {
    let keys = run.data.join("keys");
    std::fs::create_dir_all(&keys).map_err(|error| error.to_string())?;
    let secret = keys.join("simulator.secret");
    ensure_secret(&secret)?;
    let secret = std::fs::read(secret).map_err(|error| error.to_string())?;
    let listener = tokio::net::TcpListener::bind(options.at)
        .await
        .map_err(|error| format!("{}: {error}", options.at))?;
    println!(
        "The payment simulator serves on {}.",
        listener.local_addr().map_err(|error| error.to_string())?
    );
    let world = payterms_simulator::Options {
        file: run.data.join("simulator.db"),
        notify: options.notify.clone(),
        secret,
    };
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
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let of_parts = variables::of_others(&command(), names);
    if !of_parts.is_empty() {
        return Err(of_parts.join("\n"));
    }
    // Before anything is made: what cannot be used leaves no trace.
    if let Some(keys) = run.issuer_keys() {
        let mut objections = Objections::new(run.mode);
        keys.check(&mut objections, DEVELOPMENT);
        objections.settle()?;
    }
    kill::arm(run.kill_at.clone());
    let folder =
        run.ephemeral.then(tempfile::tempdir).transpose().map_err(|error| error.to_string())?;
    let data =
        folder.as_ref().map_or_else(|| run.data.clone(), |folder| folder.path().to_path_buf());
    let stop = stop_on_signal()?;
    scraped::serve_metrics(&telemetry, &stop).await?;
    let options = SuiteOptions {
        data: data.clone(),
        listen: run.listen,
        postgres: run.postgres.clone(),
        simulator: run.simulator.clone(),
        mail: run.mail.clone(),
        mail_ca: run.mail_ca.clone(),
        mail_from: run.mail_from.clone(),
        plaid: run.plaid.clone(),
        stripe: Some(run.stripe.clone()),
        vies: run.vies.clone(),
        cors: run.cors.clone(),
        limits: run.limits.clone(),
        jwks: run.issuer_keys(),
        tokens: run.tokens.clone(),
        webhooks: run.webhooks.clone(),
        database: run.database.clone(),
        broker: run.broker.clone(),
    };
    let suite = Suite::start(&options, stop.clone()).await?;
    if let Some(keys) = run.issuer_keys() {
        let place = keys
            .address
            .jwks_url
            .map_or_else(|| keys.jwks.display().to_string(), |url| without_passwords(&url));
        println!(
            "Payterms serves on {}; tokens of callers are checked with {place}.",
            suite.gateway
        );
    } else {
        let opened = Box::pin(banner::open(&suite, run.bare)).await?;
        let places = Places { data: &data, ephemeral: run.ephemeral, mail: run.mail.as_deref() };
        print!("{}", banner::text(&suite, &opened, &places)?);
    }
    println!("\n# Ready after {} ms.", started.elapsed().as_millis());
    suite.ended().await
}
