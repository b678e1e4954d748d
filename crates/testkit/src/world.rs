//! A suite in this process, on a database of its own, with a tenant and a customer.

use crate::{
    broker::Broker, crowd::Crowd, json_line::JsonLine, people::person, postgres,
    slow_line::SlowLine, stripe::StripeServer, vies::Vies,
};
use payterms_chassis::{
    config::WebhookOptions, db::DatabaseOptions, identity::Signer, net::broker::BrokerOptions,
};
use payterms_gateway::{CorsOptions, identity::TokenOptions, limits::LimitOptions};
use payterms_kernel::SystemClock;
use payterms_proto::{
    google::r#type::Decimal,
    invoicing::v1::{
        Address, CreateCustomerRequest, CreateTenantRequest, Customer, TaxRule, Tenant,
    },
    wallet::v1::OpenWalletRequest,
};
use payterms_suite::{
    Session, Suite, SuiteOptions,
    client::request_id,
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
use tonic::Code;

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
        let suite =
            Self::suite(&folder, postgres.clone(), (&outside, broker.as_ref()), limits).await;
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
        (outside, broker): (&Outside, Option<&Broker>),
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
            (&self.outside(), self.broker.as_ref()),
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
            (&self.outside(), self.broker.as_ref()),
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

    /// Registers a sandbox tenant in Sydney that taxes Australia and the United Kingdom.
    pub async fn tenant(&self, id: &str) {
        let rule = |country: &str, percent: &str| TaxRule {
            country: country.to_owned(),
            rate_percent: Some(Decimal { value: percent.to_owned() }),
            sentence: String::new(),
            ..TaxRule::default()
        };
        let tenant = Tenant {
            display_name: "Acme Telecom".to_owned(),
            country: "AU".to_owned(),
            time_zone: "Australia/Sydney".to_owned(),
            sandbox: true,
            tax_rules: vec![rule("AU", "10"), rule("GB", "0")],
            ..Tenant::default()
        };
        let request = CreateTenantRequest {
            request_id: request_id(),
            tenant_id: id.to_owned(),
            tenant: Some(tenant),
            ..Default::default()
        };
        self.someone("OPERATOR", None)
            .tenants()
            .create_tenant(request)
            .await
            .expect("the tenant is registered");
    }

    /// Adds a customer with a whole profile to a tenant, and answers its name. The wallet knows
    /// it when this answers.
    pub async fn customer(&self, tenant: &str, country: &str) -> String {
        customer_of(&self.of_tenant(tenant, "OWNER", None), tenant, country).await
    }

    /// Opens a wallet for a customer, and answers its name.
    pub async fn wallet(&self, customer: &str, currency: &str) -> String {
        let tenant = customer.split('/').nth(1).unwrap_or_default();
        wallet_of(&self.of_tenant(tenant, "SERVICE", None), customer, currency).await
    }

    /// Tenant `acme`, a customer in the United Kingdom, and its wallet in USD.
    pub async fn usual(&self) -> (String, String) {
        self.tenant("acme").await;
        let customer = self.customer("acme", "GB").await;
        let wallet = self.wallet(&customer, "USD").await;
        (customer, wallet)
    }
}

/// How often what is not there yet is asked for again; each time the service waits for it too.
const TRIES: usize = 10;

/// Adds a customer with a whole profile, and answers its name. The wallet knows it when this
/// answers.
pub async fn customer_of(owner: &Session, tenant: &str, country: &str) -> String {
    let address = Address {
        lines: vec!["1 High Street".to_owned()],
        city: "Town".to_owned(),
        country: country.to_owned(),
        ..Address::default()
    };
    let customer = Customer {
        legal_name: "Brightside Ltd".to_owned(),
        billing_address: Some(address),
        billing_email: "billing@brightside.example".to_owned(),
        country: country.to_owned(),
        ..Customer::default()
    };
    let request = CreateCustomerRequest {
        request_id: request_id(),
        parent: format!("tenants/{tenant}"),
        customer: Some(customer),
        ..Default::default()
    };
    let made = owner.customers().create_customer(request).await.expect("the customer is added");
    let seen = owner.after(&made);
    let name = made.into_inner().customer.expect("a customer").name;
    let list = payterms_proto::wallet::v1::ListWalletsRequest {
        parent: name.clone(),
        ..Default::default()
    };
    // As any caller does, it asks again what is refused because the copy is not there yet: services
    // may have started just now.
    let listed = async || seen.wallets().list_wallets(list.clone()).await;
    let mut answer = listed().await;
    for _ in 0..TRIES {
        if !answer.as_ref().is_err_and(|status| status.code() == Code::Unavailable) {
            break;
        }
        answer = listed().await;
    }
    answer.expect("the wallet's copy is there");
    name
}

/// Opens a wallet for a customer, and answers its name.
pub async fn wallet_of(service: &Session, customer: &str, currency: &str) -> String {
    let request = OpenWalletRequest {
        request_id: request_id(),
        parent: customer.to_owned(),
        currency_code: currency.to_owned(),
        ..Default::default()
    };
    let opened = service.wallets().open_wallet(request).await.expect("the wallet is opened");
    opened.into_inner().wallet.expect("a wallet").name
}
