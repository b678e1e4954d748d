//! The line to the broker, NATS with JetStream, where events go by one: its address, its
//! certificate, and what this process shows to it. Without a broker services call each other's
//! inboxes.

use crate::{key_file::value_in, net::tls, production::Objections, telemetry::metrics};
use async_nats::{Client, ConnectOptions, Event, ServerAddr, connection::State, jetstream};
use clap::Args;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// How often the broker is pinged, so that a dead line is noticed.
const PING_EVERY: Duration = Duration::from_secs(5);
/// How long opening a connection, and a request to JetStream, may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);
/// The longest pause between two attempts to connect.
const TRIES_EVERY: Duration = Duration::from_secs(1);
/// The first line of a file of credentials as NATS writes them. Any other file holds the seed of an
/// nkey.
const CREDENTIALS: &str = "-----BEGIN NATS USER JWT-----";

/// How events go between the services.
#[derive(Debug, Clone, Default, Args)]
pub struct BrokerOptions {
    /// Addresses of a NATS with JetStream, `tls://host:4222`, or `nats` in place of `tls` for plain
    /// text, comma between; all services have the same. Without it they call each other's inboxes.
    #[arg(long, env = "PAYTERMS_BUS", value_delimiter = ',')]
    pub bus: Vec<String>,
    /// File with what this process shows to the broker: credentials as NATS writes them, the seed
    /// of an nkey, `USER:PASSWORD`, or `:TOKEN`.
    #[arg(long, env = "PAYTERMS_BUS_CREDENTIALS", requires = "bus")]
    pub bus_credentials: Option<PathBuf>,
    /// File with the authorities of the broker's certificate; those of the system if not given. It
    /// is read again at every connect.
    #[arg(long, env = "PAYTERMS_BUS_CA", requires = "bus")]
    pub bus_ca: Option<PathBuf>,
    /// Folder with `tls.crt` and `tls.key`, for a broker that asks for a certificate; it may be
    /// that of `--tls`. They are read again at every connect.
    #[arg(long, env = "PAYTERMS_BUS_TLS", requires = "bus")]
    pub bus_tls: Option<PathBuf>,
    /// Servers of the broker's cluster that keep each event, 1 to 5.
    #[arg(long, env = "PAYTERMS_BUS_REPLICAS", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5), requires = "bus")]
    pub bus_replicas: u8,
}

/// A connection to the broker, which is opened again for as long as the process runs.
#[derive(Clone)]
pub struct Broker {
    client: Client,
    replicas: usize,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker")
            .field("state", &self.client.connection_state())
            .finish_non_exhaustive()
    }
}

impl BrokerOptions {
    /// The connection of the part `name`, if there is a broker. It need not be there yet. Objects
    /// to plain text, to passwords that everybody tries first or that are in the address, and to
    /// files that cannot be used.
    pub async fn open(&self, name: &'static str, objections: &mut Objections) -> Option<Broker> {
        if self.bus.is_empty() {
            return None;
        }
        for url in &self.bus {
            if !url.starts_with("tls://") {
                objections.refuse(
                    "--bus",
                    "events go to the broker in plain text; write tls:// in --bus",
                );
            }
        }
        let shown = objections.take(
            "--bus-credentials",
            self.bus_credentials.as_deref().map(Shown::read).transpose(),
        );
        if let Some(Some(Shown::Password(user, password))) = &shown {
            objections.check_broker_password(user, password);
        }
        // The client reads these files when it connects, and tries again for as long as it cannot.
        let authorities =
            objections.take("--bus-ca", self.bus_ca.as_deref().map(tls::authorities).transpose());
        let pair =
            objections.take("--bus-tls", self.bus_tls.as_deref().map(tls::check_pair).transpose());
        let ((Some(shown), Some(_)), Some(_)) = ((shown, authorities), pair) else { return None };
        objections.take("--bus", self.connect(name, shown).await)
    }

    async fn connect(&self, name: &'static str, shown: Option<Shown>) -> Result<Broker, String> {
        let with_tls = self.bus.iter().filter(|url| url.starts_with("tls://")).count();
        if with_tls != 0 && with_tls != self.bus.len() {
            return Err("--bus: all addresses of a broker are tls:// or none is".to_owned());
        }
        let addresses =
            self.bus.iter().map(|url| url.parse().map_err(|error| format!("--bus: {error}")));
        let addresses = addresses.collect::<Result<Vec<ServerAddr>, _>>()?;
        if addresses.iter().any(ServerAddr::has_user_pass) {
            return Err(
                "--bus: users, passwords and tokens are not in the address; write them into the file of --bus-credentials".to_owned()
            );
        }
        let mut options = ConnectOptions::new()
            .name(format!("payterms-{name}"))
            .require_tls(with_tls != 0)
            .retry_on_initial_connect()
            .max_reconnects(None)
            .connection_timeout(ANSWERS_WITHIN)
            .request_timeout(Some(ANSWERS_WITHIN))
            .ping_interval(PING_EVERY)
            .reconnect_delay_callback(|attempts| {
                TRIES_EVERY.min(
                    Duration::from_millis(100)
                        .saturating_mul(attempts.try_into().unwrap_or(u32::MAX)),
                )
            })
            .event_callback(move |event| async move { report(name, &event) });
        if let Some(file) = &self.bus_ca {
            options = options.add_root_certificates(file.clone());
        }
        if let Some(folder) = &self.bus_tls {
            let [certificate, key] = ["tls.crt", "tls.key"].map(|file| folder.join(file));
            options = options.add_client_certificate(certificate, key);
        }
        if let Some(shown) = shown {
            options = shown.in_options(options)?;
        }
        let client = options.connect(addresses).await.map_err(|error| format!("--bus: {error}"))?;
        let broker = Broker { client, replicas: usize::from(self.bus_replicas.max(1)) };
        broker.observe(name);
        Ok(broker)
    }
}

/// What a process shows to the broker.
enum Shown {
    /// Credentials as NATS writes them.
    Credentials(String),
    /// The seed of a user's nkey.
    Seed(String),
    /// A user and its password.
    Password(String, String),
    /// A token that all clients have.
    Token(String),
}

impl Shown {
    /// What a file says. No sentence quotes it.
    fn read(file: &Path) -> Result<Self, String> {
        let secret = value_in(file)?;
        if secret.starts_with(CREDENTIALS) {
            return Ok(Self::Credentials(secret));
        }
        match secret.split_once(':') {
            Some(("", token)) if !token.is_empty() => Ok(Self::Token(token.to_owned())),
            Some((user, password)) if !user.is_empty() && !password.is_empty() => {
                Ok(Self::Password(user.to_owned(), password.to_owned()))
            }
            None if secret.starts_with("SU") => Ok(Self::Seed(secret)),
            _ => Err(format!(
                "{}: it holds neither credentials of NATS, nor the seed of a user's nkey, nor USER:PASSWORD, nor :TOKEN",
                file.display()
            )),
        }
    }

    fn in_options(self, options: ConnectOptions) -> Result<ConnectOptions, String> {
        match self {
            // It is read up to the end of its last line.
            Self::Credentials(text) => options
                .credentials(&format!("{text}\n"))
                .map_err(|_| "--bus-credentials: these are no credentials of NATS".to_owned()),
            Self::Seed(seed) => Ok(options.nkey(seed)),
            Self::Password(user, password) => Ok(options.user_and_password(user, password)),
            Self::Token(token) => Ok(options.token(token)),
        }
    }
}

fn report(name: &'static str, event: &Event) {
    match event {
        Event::Connected => tracing::info!(part = name, "the broker is reached"),
        Event::Disconnected => {
            tracing::warn!(part = name, "the broker is not reached; events wait in the outboxes");
        }
        other => tracing::debug!(part = name, event = %other, "of the broker"),
    }
}

impl Broker {
    /// Whether the line is open now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// How many servers of the cluster keep each event.
    pub(crate) fn replicas(&self) -> usize {
        self.replicas
    }

    /// JetStream on this line.
    #[must_use]
    pub fn jetstream(&self) -> jetstream::Context {
        let mut context = jetstream::new(self.client.clone());
        context.set_timeout(ANSWERS_WITHIN);
        context
    }

    /// Sends what is still in buffers.
    pub(crate) async fn flush(&self) {
        let _ = tokio::time::timeout(ANSWERS_WITHIN, self.client.flush()).await;
    }

    /// Shows in the metrics whether the line is open.
    fn observe(&self, name: &'static str) {
        let client = self.client.clone();
        metrics::observe(
            "payterms.bus.connected",
            "{connection}",
            "Whether the line to the broker is open.",
            move || {
                let open = client.connection_state() == State::Connected;
                vec![(vec![metrics::part(name)], f64::from(u8::from(open)))]
            },
        );
    }
}
