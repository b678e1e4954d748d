//! Starts all services and the gateway, on SQLite in a data folder or on PostgreSQL.

use payterms_chassis::{
    Db, Network,
    boot::{self, Running},
    call::Caller,
    config::WebhookOptions,
    db::DatabaseOptions,
    db::was_made,
    identity::{Signer, ensure_key, key_set},
    net::broker::BrokerOptions,
    production::{DEVELOPMENT, Mode, Objections},
    webhooks::Webhooks,
};
use payterms_credit::Credit;
use payterms_gateway::{
    CorsOptions, GatewayOptions,
    identity::{KeyOptions, TokenOptions},
    limits::LimitOptions,
};
use payterms_invoicing::Invoicing;
use payterms_kernel::{Clock, SystemClock};
use payterms_plans::Plans;
use payterms_wallet::Wallet;
use std::{
    collections::HashMap,
    fs::OpenOptions,
    io::Write,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Names of the keys that a data folder holds: who signs tokens.
const KEYS: [&str; 6] = ["gateway", "wallet", "invoicing", "credit", "plans", DEVELOPMENT];
/// Services with a database of their own.
const SERVICES: [&str; 4] = ["wallet", "invoicing", "credit", "plans"];

/// The file of the keys with which the simulator signs its notifications.
const SIMULATOR_SECRET: &str = "simulator.secret";

/// How the suite is started.
#[derive(Debug, Clone)]
pub struct SuiteOptions {
    /// Folder of keys and, without PostgreSQL, of the databases.
    pub data: PathBuf,
    /// Where the gateway listens.
    pub listen: SocketAddr,
    /// `host:port/database` of a migrated PostgreSQL; each service connects as its own role.
    pub postgres: Option<String>,
    /// Address of a payment simulator that runs elsewhere; none: one is started here.
    pub simulator: Option<String>,
    /// Where mails go, as invoicing takes it; none: the folder `mail` beside the keys.
    pub mail: Option<String>,
    /// File with the authorities of which the mail server's certificate may be, besides the public
    /// ones.
    pub mail_ca: Option<PathBuf>,
    /// The address that mails are from.
    pub mail_from: String,
    /// Address of Plaid; none: the simulator's banks are linked.
    pub plaid: Option<String>,
    /// Address of Stripe; none: tenants cannot connect accounts there.
    pub stripe: Option<String>,
    /// Address of VIES; none: people verify tax numbers.
    pub vies: Option<String>,
    /// Which browsers' pages may call.
    pub cors: CorsOptions,
    /// How many calls are taken.
    pub limits: LimitOptions,
    /// Where the public keys of who issues callers' tokens are; none: the development key of the
    /// data folder signs them.
    pub jwks: Option<KeyOptions>,
    /// Requirements on the tokens that those keys have signed.
    pub tokens: TokenOptions,
    /// Where webhooks may go.
    pub webhooks: WebhookOptions,
    /// How each service uses PostgreSQL.
    pub database: DatabaseOptions,
    /// How events go between the services.
    pub broker: BrokerOptions,
}

/// A suite that serves.
#[derive(Debug)]
pub struct Suite {
    /// Where the gateway listens.
    pub gateway: SocketAddr,
    /// Where each service listens; for tests of the inner ports.
    pub services: HashMap<String, SocketAddr>,
    /// Address of the payment simulator.
    pub simulator: String,
    keys: PathBuf,
    stop: CancellationToken,
    running: Vec<Running>,
}

/// The tokens that the suite makes itself.
fn development_tokens() -> TokenOptions {
    TokenOptions { issuer: Some(DEVELOPMENT.to_owned()), ..TokenOptions::default() }
}

/// A port for each service, by name.
async fn bind_services()
-> Result<(HashMap<String, SocketAddr>, HashMap<&'static str, TcpListener>), String> {
    let (mut addresses, mut listeners) = (HashMap::new(), HashMap::new());
    for name in SERVICES {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        addresses
            .insert(name.to_owned(), listener.local_addr().map_err(|error| error.to_string())?);
        listeners.insert(name, listener);
    }
    Ok((addresses, listeners))
}

/// Starts the services on their ports, each on a database of its own.
async fn start_services(
    options: &SuiteOptions,
    keys: &Path,
    network: &Network,
    mut listeners: HashMap<&'static str, TcpListener>,
    simulator: &str,
    stop: &CancellationToken,
) -> Result<Vec<Running>, String> {
    let mut listener = |name| listeners.remove(name).ok_or_else(|| format!("{name} has no port"));
    let wallet = payterms_wallet::Options {
        simulator: Some(simulator.to_owned()),
        stripe: options.stripe.clone(),
        simulator_secret: keys.join(SIMULATOR_SECRET),
    };
    let invoicing = payterms_invoicing::Options {
        mail: options
            .mail
            .clone()
            .unwrap_or_else(|| format!("file:{}", options.data.join("mail").display())),
        mail_file: None,
        mail_ca: options.mail_ca.clone(),
        mail_from: options.mail_from.clone(),
        vies: options.vies.clone(),
    };
    let credit = payterms_credit::Options {
        simulator: Some(simulator.to_owned()),
        plaid: options.plaid.clone(),
        plaid_credentials: keys.join("plaid.credentials"),
        seal_key: Some(keys.join("seal.key")),
    };
    let plans = payterms_plans::Options {};
    Ok(vec![
        boot::start::<Wallet>(
            open("wallet", options).await?,
            keys,
            network,
            listener("wallet")?,
            wallet,
            stop.clone(),
        )
        .await?,
        boot::start::<Invoicing>(
            open("invoicing", options).await?,
            keys,
            network,
            listener("invoicing")?,
            invoicing,
            stop.clone(),
        )
        .await?,
        boot::start::<Credit>(
            open("credit", options).await?,
            keys,
            network,
            listener("credit")?,
            credit,
            stop.clone(),
        )
        .await?,
        boot::start::<Plans>(
            open("plans", options).await?,
            keys,
            network,
            listener("plans")?,
            plans,
            stop.clone(),
        )
        .await?,
    ])
}

impl Suite {
    /// Starts everything; all is served when this answers.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub async fn start(options: &SuiteOptions, stop: CancellationToken) -> Result<Self, String> {
        let keys = options.data.join("keys");
        refuse_missing_keys(&options.data, &keys)?;
        for name in KEYS {
            ensure_key(&keys, name)?;
        }
        let issuer_keys = if let Some(issuer_keys) = &options.jwks {
            issuer_keys.clone()
        } else {
            let file = keys.join("jwks.json");
            std::fs::write(&file, key_set(&keys, &[DEVELOPMENT])?)
                .map_err(|error| error.to_string())?;
            KeyOptions::file(file)
        };
        let door = TcpListener::bind(options.listen)
            .await
            .map_err(|error| format!("{}: {error}", options.listen))?;
        let secret = keys.join(SIMULATOR_SECRET);
        ensure_secret(&secret)?;
        ensure_secret(&keys.join("seal.key"))?;
        ensure_secret(&keys.join(Webhooks::KEY))?;
        let simulator = match &options.simulator {
            Some(elsewhere) => elsewhere.clone(),
            None => Self::start_simulator(&options.data, &secret, &door, stop.clone()).await?,
        };
        let (services, listeners) = bind_services().await?;
        let addresses = services.iter().map(|(name, address)| (name.clone(), *address)).collect();
        // The suite as a whole serves development alone.
        let mut objections = Objections::new(Mode::Development);
        let webhooks = options.webhooks.rules(&mut objections);
        let broker = options.broker.open("suite", &mut objections).await;
        objections.settle()?;
        let network = Network { addresses, broker, webhooks, ..Network::default() };
        let mut running =
            start_services(options, &keys, &network, listeners, &simulator, &stop).await?;
        let gateway_options = GatewayOptions {
            keys: issuer_keys,
            simulator: Some(simulator.clone()),
            door_tls: None,
            cors: options.cors.clone(),
            tokens: if options.jwks.is_some() {
                options.tokens.clone()
            } else {
                development_tokens()
            },
            limits: options.limits.clone(),
        };
        let gateway = payterms_gateway::start(
            &keys,
            &network,
            door.into(),
            network.port(),
            &gateway_options,
            stop.clone(),
        )
        .await?;
        let address = gateway.address;
        running.push(gateway);
        Ok(Self { gateway: address, services, simulator, keys, stop, running })
    }

    /// A suite whose parts are processes of their own, which end by themselves, with its keys in a
    /// data folder.
    #[must_use]
    pub fn of_processes(data: &Path, gateway: SocketAddr, simulator: String) -> Self {
        let (services, stop) = (HashMap::new(), CancellationToken::new());
        Self { gateway, services, simulator, keys: data.join("keys"), stop, running: Vec::new() }
    }

    async fn start_simulator(
        data: &Path,
        secret: &Path,
        door: &TcpListener,
        stop: CancellationToken,
    ) -> Result<String, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let notify = door.local_addr().map_err(|error| error.to_string())?;
        let options = payterms_simulator::Options {
            file: data.join("simulator.db"),
            notify: format!("http://{notify}"),
            secret: std::fs::read(secret).map_err(|error| error.to_string())?,
        };
        tokio::spawn(payterms_simulator::serve(listener, options, stop));
        Ok(format!("http://{address}"))
    }

    /// A development token of the folder's key, good for `seconds`.
    ///
    /// # Errors
    /// A sentence if the key cannot be read.
    pub fn token(&self, caller: &Caller, seconds: i64) -> Result<String, String> {
        development_token(&self.keys, caller, seconds)
    }

    /// Stops and waits until all has drained.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(why) = self.ended().await {
            eprintln!("the suite had failed before it was stopped: {why}");
        }
    }

    /// Waits until all has drained after a stop.
    ///
    /// # Errors
    /// Why the suite ended, where no signal did.
    pub async fn ended(self) -> Result<(), String> {
        let mut ended = Ok(());
        for running in self.running {
            ended = ended.and(running.ended().await);
        }
        ended
    }
}

/// Signs a development token with the key in the folder `keys`.
///
/// # Errors
/// A sentence if the key cannot be read.
pub fn development_token(keys: &Path, caller: &Caller, seconds: i64) -> Result<String, String> {
    signed_token(keys, DEVELOPMENT, caller, seconds)
}

/// Signs a caller's token with the key `issuer` in the folder `keys`.
///
/// # Errors
/// A sentence if the key cannot be read.
pub fn signed_token(
    keys: &Path,
    issuer: &str,
    caller: &Caller,
    seconds: i64,
) -> Result<String, String> {
    Signer::read(keys, issuer, Arc::new(SystemClock))?.token(
        payterms_gateway::identity::AUDIENCE,
        caller,
        seconds,
    )
}

/// Makes a secret of 32 bytes (mode 0600) unless it is there.
///
/// # Errors
/// A sentence that names the file.
pub fn ensure_secret(file: &Path) -> Result<(), String> {
    if file.exists() {
        return Ok(());
    }
    let fault = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut made =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(fault)?;
    made.write_all(&rand::random::<[u8; 32]>()).and_then(|()| made.sync_all()).map_err(fault)
}

/// Refuses a folder whose databases were made with keys that are gone: new ones would open nothing
/// of what is sealed, and no page token or notification that is under way.
fn refuse_missing_keys(data: &Path, keys: &Path) -> Result<(), String> {
    if !SERVICES.iter().any(|service| was_made(data, service)) {
        return Ok(());
    }
    let files = KEYS
        .iter()
        .map(|name| format!("{name}.key"))
        .chain(["seal.key".to_owned(), "simulator.secret".to_owned()]);
    let missing: Vec<_> = files.filter(|file| !keys.join(file).exists()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (keys, missing) = (keys.display(), missing.join(", "));
    Err(format!(
        "{keys} lacks {missing}, though the databases beside it were made with them. Restore them from a backup."
    ))
}

async fn open(service: &'static str, options: &SuiteOptions) -> Result<Db, String> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    if let Some(place) = &options.postgres {
        return Db::open_with(
            &format!("postgres://payterms_{service}@{place}"),
            service,
            clock,
            &options.database,
        )
        .await;
    }
    let file = options.data.join(format!("{service}.db"));
    let db =
        Db::open_with(&format!("sqlite:{}", file.display()), service, clock, &options.database)
            .await?;
    let fault = |error| format!("{service}: {error}");
    let schema = db.schema_connection().await.map_err(fault)?;
    payterms_migrations::migrate_sqlite(&schema, service).await.map_err(fault)?;
    schema.close().await.map_err(fault)?;
    Ok(db)
}
