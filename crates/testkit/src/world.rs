//! A suite in this process, on a database of its own.

pub use crate::tenants::{customer_of, wallet_of};

use crate::{
    broker::Broker, crowd::Crowd, json_line::JsonLine, people::person, postgres,
    slow_line::SlowLine, stripe::StripeServer, vies::Vies,
};
use payterms_chassis::{
    config::WebhookOptions, db::DatabaseOptions, identity::Signer, net::broker::BrokerOptions,
};
use payterms_gateway::{CorsOptions, identity::TokenOptions, limits::LimitOptions};
use payterms_kernel::SystemClock;
use payterms_suite::{
    Session, Suite, SuiteOptions,
    demo::{self, stage::Stage},
};
use sea_orm::DatabaseConnection;
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// The embedded one.
    Sqlite,
    /// The one that it grows onto.
    Postgres,
}

/// A running suite.
#[derive(Debug)]
pub struct World {
    /// The suite.
    pub suite: Suite,
    /// Where its data is; on PostgreSQL its keys only.
    pub folder: TempDir,
    /// The PostgreSQL database, `host:port/name`.
    pub postgres: Option<String>,
    /// Where tax numbers are looked up.
    pub vies: Vies,
    /// Where cards are charged by tenants that have connected it.
    pub stripe: StripeServer,
    /// Where events go by; none: the direct bus.
    pub broker: Option<Broker>,
    crowds: Vec<Crowd>,
    _json: Option<JsonLine>,
    replica: Option<Suite>,
}

/// Servers of others that a suite asks.
struct Outside {
    vies: Vies,
    stripe: StripeServer,
}

impl World {
    fn outside(&self) -> Outside {
        Outside { vies: self.vies.clone(), stripe: self.stripe.clone() }
    }

    /// Starts a suite with a crowd before its gateway and before each service's own port: every
    /// write arrives many times at once, at two replicas where they are asked for.
    pub async fn crowded(database: Database, replicas: bool) -> Option<Self> {
        let mut world = Self::start(database).await?;
        if replicas {
            world.replica = Some(world.replica().await);
        }
        let doors = |address: SocketAddr, other: Option<SocketAddr>| {
            std::iter::once(address).chain(other).collect()
        };
        let gateway = Crowd::before(doors(
            world.suite.gateway,
            world.replica.as_ref().map(|suite| suite.gateway),
        ))
        .await;
        world.suite.gateway = gateway.at;
        world.crowds.push(gateway);
        for (name, at) in &mut world.suite.services {
            let other = world.replica.as_ref().and_then(|suite| suite.services.get(name)).copied();
            let crowd = Crowd::before(doors(*at, other)).await;
            *at = crowd.at;
            world.crowds.push(crowd);
        }
        Some(world)
    }

    /// Starts a suite whose gateway is called with JSON over HTTP/1, whatever its callers speak.
    pub async fn over_json(database: Database) -> Option<Self> {
        let mut world = Self::start(database).await?;
        let line = JsonLine::to(world.suite.gateway).await;
        world.suite.gateway = line.at;
        Some(Self { _json: Some(line), ..world })
    }

    /// Plays the stories of the demo.
    pub async fn play_the_stories(self) -> Self {
        self.on_stage(async |stage| Box::pin(demo::stories(stage, demo::USAGE)).await).await
    }

    /// Plays something of the demo.
    ///
    /// # Panics
    /// With its sentence, where it does not hold.
    pub async fn on_stage(self, play: impl AsyncFnOnce(&mut Stage) -> Result<(), String>) -> Self {
        let mut stage = Stage::new(self.suite);
        assert_eq!(play(&mut stage).await, Ok(()));
        Self { suite: stage.suite, ..self }
    }

    /// The writes that came through the crowds, by path; fails where one was not one effect.
    #[must_use]
    pub fn crowds_saw(&self) -> BTreeMap<String, usize> {
        let mut done = BTreeMap::new();
        for crowd in &self.crowds {
            let seen = crowd.seen();
            assert!(
                seen.faults.is_empty(),
                "equal requests at once are one effect: {:#?}",
                seen.faults
            );
            for (path, times) in &seen.done {
                *done.entry(path.clone()).or_default() += times;
            }
        }
        done
    }

    /// Starts a suite; none where PostgreSQL is asked for and not to be had.
    pub async fn start(database: Database) -> Option<Self> {
        let postgres = match database {
            Database::Sqlite => None,
            Database::Postgres => Some(postgres::database().await?),
        };
        Some(Self::start_on(postgres).await)
    }

    /// Starts a suite that takes so many calls; the others take as many as come.
    pub async fn limited(database: Database, limits: LimitOptions) -> Option<Self> {
        let postgres = match database {
            Database::Sqlite => None,
            Database::Postgres => Some(postgres::database().await?),
        };
        Some(
            Self::on(
                tempfile::tempdir().expect("a folder"),
                postgres,
                Broker::of_tests().await,
                limits,
            )
            .await,
        )
    }

    /// Starts a suite on a migrated PostgreSQL, `host:port/name`; embedded where none is named.
    pub async fn start_on(postgres: Option<String>) -> Self {
        // What the services warn of is shown with a test that fails.
        let _ = tracing_subscriber::fmt()
            .with_env_filter("warn,sqlx=error,payterms_wallet::use_cases::disputes=info")
            .with_ansi(false)
            .with_test_writer()
            .try_init();
        Self::again(tempfile::tempdir().expect("a folder"), postgres).await
    }

    /// Starts a suite again on what another one has left.
    pub async fn again(folder: TempDir, postgres: Option<String>) -> Self {
        Self::on(folder, postgres, Broker::of_tests().await, LimitOptions::highest()).await
    }

    /// Starts a suite whose events go by a broker; none where that or the database is not to be
    /// had.
    pub async fn start_on_broker(database: Database) -> Option<Self> {
        let broker = Broker::start().await?;
        let postgres = match database {
            Database::Sqlite => None,
            Database::Postgres => Some(postgres::database().await?),
        };
        Some(
            Self::on(
                tempfile::tempdir().expect("a folder"),
                postgres,
                Some(broker),
                LimitOptions::highest(),
            )
            .await,
        )
    }

    async fn on(
        folder: TempDir,
        postgres: Option<String>,
        broker: Option<Broker>,
        limits: LimitOptions,
    ) -> Self {
        let outside = Outside { vies: Vies::start().await, stripe: StripeServer::start().await };
        let suite = Self::suite(&folder, postgres.clone(), &outside, broker.as_ref(), limits).await;
        let Outside { vies, stripe } = outside;
        Self {
            suite,
            folder,
            postgres,
            vies,
            stripe,
            broker,
            crowds: Vec::new(),
            _json: None,
            replica: None,
        }
    }

    async fn suite(
        folder: &TempDir,
        postgres: Option<String>,
        outside: &Outside,
        broker: Option<&Broker>,
        limits: LimitOptions,
    ) -> Suite {
        let listen = "127.0.0.1:0".parse().expect("an address");
        let options = SuiteOptions {
            data: folder.path().to_path_buf(),
            listen,
            postgres,
            simulator: None,
            mail: None,
            mail_ca: None,
            mail_from: "billing@payterms.example".to_owned(),
            plaid: None,
            stripe: Some(outside.stripe.url()),
            vies: Some(format!("http://{}", outside.vies.at)),
            cors: CorsOptions::default(),
            limits,
            jwks: None,
            tokens: TokenOptions::default(),
            webhooks: WebhookOptions { webhooks_inside: vec![IpAddr::from([127, 0, 0, 1])] },
            database: DatabaseOptions::default(),
            broker: BrokerOptions {
                bus: broker.map(Broker::url).into_iter().collect(),
                ..BrokerOptions::default()
            },
        };
        Suite::start(&options, CancellationToken::new()).await.expect("the suite starts")
    }

    /// A second suite on the same PostgreSQL: two replicas of every service.
    pub async fn replica(&self) -> Suite {
        assert!(self.postgres.is_some(), "replicas need PostgreSQL");
        Self::suite(
            &self.folder,
            self.postgres.clone(),
            &self.outside(),
            self.broker.as_ref(),
            LimitOptions::highest(),
        )
        .await
    }

    /// A second suite on the same PostgreSQL, whose answers reach it `delay` late.
    pub async fn replica_far_from_postgres(&self, delay: Duration) -> Suite {
        let (place, name) = self
            .postgres
            .as_deref()
            .and_then(|place| place.split_once('/'))
            .expect("host:port/name");
        let server =
            tokio::net::lookup_host(place).await.expect("a host").next().expect("an address");
        let line = SlowLine::open(server, delay).await;
        let place = Some(format!("{}/{name}", line.address));
        Self::suite(
            &self.folder,
            place,
            &self.outside(),
            self.broker.as_ref(),
            LimitOptions::highest(),
        )
        .await
    }

    /// Stops the suite; a replica of it goes on.
    pub async fn replaced_by(self, replica: Suite) -> Self {
        self.suite.stop().await;
        Self { suite: replica, ..self }
    }

    /// Stops the suite.
    pub async fn end(self) {
        drop(self.crowds);
        if let Some(replica) = self.replica {
            replica.stop().await;
        }
        self.suite.stop().await;
    }

    /// The rows of a service, past all guards, and the prefix of its tables.
    pub async fn rows(&self, service: &str) -> (DatabaseConnection, String) {
        if let Some(place) = &self.postgres {
            return (postgres::owner_of(place).await, format!("{service}."));
        }
        let file = self.folder.path().join(format!("{service}.db"));
        (postgres::open(format!("sqlite:{}", file.display())).await, String::new())
    }

    /// Someone with one role, of tenant `acme` unless an OPERATOR.
    #[must_use]
    pub fn someone(&self, role: &str, customer: Option<&str>) -> Session {
        self.of_tenant("acme", role, customer)
    }

    /// Someone with one role of a tenant.
    #[must_use]
    pub fn of_tenant(&self, tenant: &str, role: &str, customer: Option<&str>) -> Session {
        let token = self.suite.token(&person(tenant, role, customer), 600).expect("a token");
        Session::new(self.suite.gateway, &token).expect("a session")
    }

    /// A peer's session of tenant `acme`, straight at a service's port.
    #[must_use]
    pub fn peer(&self, peer: &str, service: &str) -> Session {
        self.peer_at(&self.suite, peer, service)
    }

    /// The same, at a replica.
    #[must_use]
    pub fn peer_at(&self, suite: &Suite, peer: &str, service: &str) -> Session {
        let signer = Signer::read(&self.folder.path().join("keys"), peer, Arc::new(SystemClock))
            .expect("the peer's key");
        let token = signer.internal(service, &person("acme", "PEER", None)).expect("a token");
        let address = suite.services.get(service).expect("the service runs");
        Session::new(*address, &token).expect("a session")
    }
}
