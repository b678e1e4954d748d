//! A suite in a process of its own that is killed at a point and started again, beside a simulator
//! that outlives it.

pub use crate::services::Services;

use crate::{
    broker::Broker,
    process::{Process, free_address, of_tenant, someone},
    world::{customer_of, wallet_of},
};
use payterms_proto::{google::r#type::Money, wallet::v1::GetWalletRequest};
use payterms_suite::{Session, shop};
use std::{net::SocketAddr, path::Path, time::Duration};
use tonic::Status;

/// Where a suite is killed and started again.
#[derive(Debug)]
pub struct Rig {
    /// What is run: the suite, or a service of it after the word `service`.
    pub(crate) binary: String,
    folder: tempfile::TempDir,
    /// Where the gateway serves.
    pub gateway: SocketAddr,
    pub(crate) provider: SocketAddr,
    /// The PostgreSQL database, `host:port/name`; none on SQLite.
    pub postgres: Option<String>,
    pub(crate) options: Vec<String>,
    suite: Option<Process>,
    _simulator: Process,
    broker: Option<Broker>,
}

/// Who is there after `prepare`.
#[derive(Debug)]
pub struct People {
    /// The customer's name.
    pub customer: String,
    /// Its wallet's name.
    pub wallet: String,
    /// Its administrator.
    pub admin: Session,
}

impl Rig {
    /// A rig with a running suite of `binary`, on SQLite or on a migrated database
    /// `host:port/name`.
    pub async fn start(binary: &str, postgres: Option<String>, options: &[String]) -> Self {
        let (binary, folder) = (binary.to_owned(), tempfile::tempdir().unwrap());
        let (gateway, provider) = (free_address(), free_address());
        let simulator = Process::simulator(&binary, folder.path(), provider, gateway).await;
        let has_bus = options.iter().any(|option| option.starts_with("--bus"));
        let broker = if has_bus { None } else { Broker::of_tests().await };
        let options = options.iter().cloned().chain(broker.as_ref().map(Broker::option)).collect();
        let mut rig = Self {
            binary,
            folder,
            gateway,
            provider,
            postgres,
            options,
            suite: None,
            _simulator: simulator,
            broker,
        };
        rig.restart(None).await;
        rig
    }

    /// Where its data is.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// Whether events go by the broker of `TEST_BUS`.
    #[must_use]
    pub fn has_broker(&self) -> bool {
        self.broker.is_some()
    }

    /// Stops the suite.
    pub fn stop(&mut self) {
        drop(self.suite.take());
    }

    /// Starts the suite, killing itself at a point if one is named.
    pub async fn restart(&mut self, kill_at: Option<&str>) {
        drop(self.suite.take());
        let suite = Process::suite(
            &self.binary,
            self.folder.path(),
            self.gateway,
            self.provider,
            self.postgres.as_deref(),
            kill_at,
            &self.options,
        );
        self.suite = Some(suite.await);
    }

    /// Starts the suite so that it dies at a point, does what makes it die, and starts it again.
    pub async fn die_at<F: Future + Send + 'static>(&mut self, point: &str, act: F)
    where
        F::Output: Send + 'static,
    {
        self.restart(Some(point)).await;
        let acting = tokio::spawn(act);
        let mut doomed = self.suite.take().unwrap();
        tokio::task::spawn_blocking(move || doomed.wait_for_end()).await.unwrap();
        let _ = acting.await.unwrap();
        self.restart(None).await;
    }

    /// Someone with one role of tenant `acme`.
    #[must_use]
    pub fn someone(&self, role: &str, customer: Option<&str>) -> Session {
        someone(self.folder.path(), self.gateway, role, customer)
    }

    /// Someone with one role of a tenant.
    #[must_use]
    pub fn of_tenant(&self, tenant: &str, role: &str, customer: Option<&str>) -> Session {
        of_tenant(self.folder.path(), self.gateway, tenant, role, customer)
    }

    /// A sandbox tenant with prepayment on, a customer with a card, a wallet in USD.
    pub async fn prepare(&self, token: &str) -> People {
        let owner = self.someone("OWNER", None);
        shop::open(&owner, "acme").await.unwrap();
        let customer = customer_of(&owner, "acme", "GB").await;
        let wallet = wallet_of(&self.someone("SERVICE", None), &customer, "USD").await;
        let admin = self.someone("CUSTOMER_ADMIN", Some(&customer));
        shop::save_card(&admin, self.gateway, &customer, token).await.unwrap().unwrap();
        People { customer, wallet, admin }
    }

    /// Where the simulator serves.
    #[must_use]
    pub fn simulator(&self) -> String {
        format!("http://{}", self.provider)
    }

    /// What the provider charged tenant `acme`, in whole units, oldest first.
    pub async fn charges(&self) -> Vec<String> {
        self.at_provider("charges").await
    }

    /// What the provider gave back, likewise.
    pub async fn refunds(&self) -> Vec<String> {
        self.at_provider("refunds").await
    }

    async fn at_provider(&self, what: &str) -> Vec<String> {
        let list = format!("http://{}/v1/acme/{what}", self.provider);
        let found: Vec<serde_json::Value> = reqwest::get(list).await.unwrap().json().await.unwrap();
        found.iter().map(|value| value["amount"].as_str().unwrap().to_owned()).collect()
    }
}

impl People {
    /// What is in the wallet.
    pub async fn posted(&self) -> Option<Money> {
        let read = self
            .admin
            .wallets()
            .get_wallet(GetWalletRequest { name: self.wallet.clone() })
            .await
            .unwrap();
        read.into_inner().wallet.unwrap().balance.unwrap().posted
    }
}

/// What a client does: the same request until there is an answer.
pub async fn retry<T>(call: impl AsyncFn() -> Result<T, Status>) -> T {
    until(call, |_| true).await
}

/// Asks until the answer is as awaited.
pub async fn until<T>(
    call: impl AsyncFn() -> Result<T, Status>,
    awaited: impl Fn(&T) -> bool,
) -> T {
    for _ in 0..400 {
        if let Ok(answer) = call().await
            && awaited(&answer)
        {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no such answer after many tries");
}
