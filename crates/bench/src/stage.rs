//! What is measured: a durable PostgreSQL, the services as processes of their own, a customer with
//! credit.

use crate::{Measure, machine::Machine};
use payterms_chassis::{identity::Signer, sql};
use payterms_gateway::limits::HIGHEST_RATE;
use payterms_kernel::SystemClock;
use payterms_proto::{
    invoicing::v1::{CreateTenantRequest, Tenant},
    wallet::v1::GrantCreditRequest,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{
    collector::Collector,
    people::person,
    postgres::{migrated, open},
    private_postgres::{Private, binaries},
    rig::{Rig, Services},
    world::{customer_of, wallet_of},
};
use std::{net::SocketAddr, path::PathBuf, sync::Arc};

/// The database that is measured.
pub const NAME: &str = "payterms_bench";
/// As a server of its own is set up: durable, and no checkpoint in the middle of a turn.
const SETTINGS: &str = "-c fsync=on -c synchronous_commit=on -c max_connections=300 -c shared_buffers=512MB -c max_wal_size=16GB \
                        -c checkpoint_timeout=1h";

/// A PostgreSQL that keeps what it has said it keeps.
#[derive(Debug)]
pub struct Durable {
    owner: String,
    /// The server, where it is one of our own.
    pub private: Option<Private>,
}

impl Durable {
    /// Starts one, or takes the one that is named; makes a fresh database on it.
    pub async fn start(measure: &Measure) -> Self {
        Self::start_with(measure, "").await
    }

    /// The same, with more settings where one is started.
    pub async fn start_with(measure: &Measure, settings: &str) -> Self {
        let durable = if let Some(url) = &measure.postgres {
            Self {
                owner: url.trim_start_matches("postgres://").trim_end_matches('/').to_owned(),
                private: None,
            }
        } else {
            let private = Private::start(
                &binaries().expect("PostgreSQL is installed, or --postgres names one"),
                &format!("{SETTINGS} {settings}"),
            );
            Self { owner: format!("postgres@{}", private.place), private: Some(private) }
        };
        let admin = open(format!("postgres://{}/postgres", durable.owner)).await;
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            let row = sql::one(&admin, "SELECT current_setting($1) AS value", vec![setting.into()])
                .await
                .expect("a setting");
            let value: String = row.expect("a row").try_get("", "value").expect("a value");
            assert_eq!(
                value, "on",
                "{setting} of the server is on, or what is measured is not durable"
            );
        }
        sql::exec(&admin, &format!("DROP DATABASE IF EXISTS {NAME}"), vec![])
            .await
            .expect("no database of an earlier run");
        admin.close().await.expect("closes");
        migrated(&durable.owner, NAME).await;
        durable
    }

    /// The owner's address, `postgres://owner@host:port`, and the binary of the database's own
    /// benchmark.
    pub fn place(&self) -> (PathBuf, String) {
        let pgbench =
            binaries().map_or_else(|| PathBuf::from("pgbench"), |folder| folder.join("pgbench"));
        (pgbench, format!("postgres://{}", self.owner))
    }

    /// `host:port/database`, where services connect.
    fn database(&self) -> String {
        format!("{}/{NAME}", self.owner.rsplit('@').next().unwrap_or_default())
    }

    /// The owner's connections.
    pub async fn rows(&self) -> sea_orm::DatabaseConnection {
        open(format!("postgres://{}/{NAME}", self.owner)).await
    }

    /// What reads the cost of these services on it.
    pub async fn machine(&self, stage: &Stage, services: &[&str]) -> Machine {
        let services = services.iter().filter_map(|name| stage.services.pid(name)).collect();
        Machine {
            services,
            database: self.private.as_ref().map(Private::pid),
            owner: Some(self.rows().await),
        }
    }
}

/// The suite that is measured.
#[derive(Debug)]
pub struct Stage {
    /// Its services.
    pub services: Services,
    /// The customer's wallet.
    pub wallet: String,
    /// The customer.
    pub customer: String,
    collector: Collector,
}

impl Stage {
    /// Starts the suite on a durable PostgreSQL, or on SQLite: a tenant, a customer, a wallet with
    /// a million in it. Callers are not limited.
    pub async fn start(durable: Option<&Durable>) -> Self {
        let limits = ["caller", "customer", "tenant"]
            .map(|holder| format!("--{holder}-calls-per-second={HIGHEST_RATE}"));
        Self::with(durable, limits.to_vec()).await
    }

    /// The same with these limits.
    pub async fn with(durable: Option<&Durable>, limits: Vec<String>) -> Self {
        let binary = std::env::current_exe().expect("this binary").display().to_string();
        let rig = Rig::start(&binary, durable.map(Durable::database), &[]).await;
        let people = rig.prepare("tok_visa").await;
        fill(&rig.someone("STAFF", None), &people.wallet).await;
        // A trace of a hundred, as in production.
        let (collector, otlp) = Collector::start();
        let services =
            Services::with(rig, [vec![otlp, "--trace-ratio=0.01".to_owned()], limits].concat())
                .await;
        Self { services, wallet: people.wallet, customer: people.customer, collector }
    }

    /// The same suite, its services at the end of a line to the database.
    pub async fn behind<F: Future<Output = SocketAddr>>(
        self,
        line: impl FnOnce(SocketAddr) -> F,
    ) -> Self {
        let Self { services, wallet, customer, collector } = self;
        let mut rig = services.into_rig();
        if let Some((server, name)) =
            rig.postgres.as_deref().and_then(|place| place.split_once('/'))
        {
            let server =
                tokio::net::lookup_host(server).await.expect("a host").next().expect("an address");
            rig.postgres = Some(format!("{}/{name}", line(server).await));
        }
        Self { services: Services::of(rig).await, wallet, customer, collector }
    }

    /// How many spans have arrived; some do unless the run is quick.
    pub fn spans(&self, measure: &Measure) -> usize {
        let count = self.collector.spans().len();
        assert!(measure.quick || count > 0, "a trace of a hundred is recorded");
        count
    }

    /// Sessions of a service straight at another one's port, a connection each; their token lives a
    /// minute.
    pub fn straight(&self, service: &str, connections: usize) -> Vec<Session> {
        let signer = Signer::read(
            &self.services.rig().data().join("keys"),
            "gateway",
            Arc::new(SystemClock),
        )
        .expect("the gateway's key");
        let token = signer.internal(service, &person("acme", "SERVICE", None)).expect("a token");
        (0..connections)
            .map(|_| Session::new(self.services.at(service), &token).expect("a session"))
            .collect()
    }

    /// The same through the gateway.
    pub fn through(&self, connections: usize) -> Vec<Session> {
        self.of_tenant("acme", connections)
    }

    /// Sessions of a tenant's service through the gateway, a connection each.
    pub fn of_tenant(&self, tenant: &str, connections: usize) -> Vec<Session> {
        (0..connections).map(|_| self.services.rig().of_tenant(tenant, "SERVICE", None)).collect()
    }

    /// Makes another tenant with a customer, and answers its wallet with a million in it.
    pub async fn another_tenant(&self, id: &str) -> String {
        let rig = self.services.rig();
        let tenant = Tenant {
            display_name: id.to_owned(),
            country: "GB".to_owned(),
            time_zone: "Europe/London".to_owned(),
            ..Tenant::default()
        };
        let create = CreateTenantRequest {
            request_id: request_id(),
            tenant_id: id.to_owned(),
            tenant: Some(tenant),
            ..Default::default()
        };
        rig.someone("OPERATOR", None).tenants().create_tenant(create).await.expect("a tenant");
        let customer = customer_of(&rig.of_tenant(id, "OWNER", None), id, "GB").await;
        let wallet = wallet_of(&rig.of_tenant(id, "SERVICE", None), &customer, "USD").await;
        fill(&rig.of_tenant(id, "STAFF", None), &wallet).await;
        wallet
    }
}

/// Grants a wallet a million.
async fn fill(staff: &Session, wallet: &str) {
    let amount = amount("USD", 1_000_000, 0);
    let grant = GrantCreditRequest {
        request_id: request_id(),
        wallet: wallet.to_owned(),
        amount,
        ..GrantCreditRequest::default()
    };
    staff.lots().grant_credit(grant).await.expect("credit");
}
