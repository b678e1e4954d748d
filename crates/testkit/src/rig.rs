//! A suite in a process of its own that is killed at a point and started again, beside a simulator
//! that outlives it.

use crate::{
    faulty_line::FaultyLine,
    process::{Process, free_address, of_tenant, someone},
    security::Security,
    world::{customer_of, wallet_of},
};
use payterms_proto::{google::r#type::Money, wallet::v1::GetWalletRequest};
use payterms_suite::{Session, shop};
use std::{collections::BTreeMap, net::SocketAddr, path::Path, time::Duration};
use tonic::Status;

/// Where a suite is killed and started again.
#[derive(Debug)]
pub struct Rig {
    /// What is run: the suite, or a service of it after the word `service`.
    binary: String,
    folder: tempfile::TempDir,
    /// Where the gateway serves.
    pub gateway: SocketAddr,
    provider: SocketAddr,
    /// The PostgreSQL database, `host:port/name`; none on SQLite.
    pub postgres: Option<String>,
    options: Vec<String>,
    suite: Option<Process>,
    _simulator: Process,
}

/// The suite as a process for each service, beside the simulator, after one as a whole has prepared.
#[derive(Debug)]
pub struct Services {
    rig: Rig,
    options: Vec<String>,
    /// Environment of processes that are started from now on.
    pub environment: Vec<(String, String)>,
    wallet: SocketAddr,
    invoicing: SocketAddr,
    credit: SocketAddr,
    plans: SocketAddr,
    lines: BTreeMap<(&'static str, &'static str), FaultyLine>,
    /// Whether each service has a second replica, at another address.
    twice: bool,
    pub(crate) security: Option<Security>,
    pub(crate) others: BTreeMap<&'static str, Process>,
    pub(crate) running: BTreeMap<&'static str, Process>,
}

impl Services {
    /// Starts each service on what a rig has prepared, with a line that can break between each of these pairs, caller
    /// first.
    pub async fn on_lines(rig: Rig, pairs: &[(&'static str, &'static str)]) -> Self {
        Self::between(rig, Vec::new(), pairs, false).await
    }

    /// Starts each service on what a rig on PostgreSQL has prepared, with a second replica of each behind the gateway.
    pub async fn twice(rig: Rig) -> Self {
        Self::between(rig, Vec::new(), &[], true).await
    }

    /// Starts each service on what a rig has prepared.
    pub async fn of(rig: Rig) -> Self {
        Self::with(rig, Vec::new()).await
    }

    /// The same, with more options for each, in which `{part}` is its name.
    pub async fn with(rig: Rig, options: Vec<String>) -> Self {
        Self::between(rig, options, &[], false).await
    }

    async fn between(rig: Rig, options: Vec<String>, pairs: &[(&'static str, &'static str)], twice: bool) -> Self {
        Self::start(rig, (options, None), pairs, twice).await
    }

    pub(crate) async fn start(
        mut rig: Rig,
        (options, security): (Vec<String>, Option<Security>),
        pairs: &[(&'static str, &'static str)],
        twice: bool,
    ) -> Self {
        drop(rig.suite.take());
        let mut own = Self {
            rig,
            options,
            // Logs are read by what is in them.
            environment: security.iter().map(|_| ("NO_COLOR".to_owned(), "1".to_owned())).collect(),
            wallet: free_address(),
            invoicing: free_address(),
            credit: free_address(),
            plans: free_address(),
            lines: BTreeMap::new(),
            twice,
            security,
            others: BTreeMap::new(),
            running: BTreeMap::new(),
        };
        own.lines = pairs.iter().map(|pair| (*pair, FaultyLine::to(own.at(pair.1)))).collect();
        for name in ["wallet", "invoicing", "credit", "plans", "gateway"] {
            own.restart(name, None).await;
            if twice && name != "gateway" {
                own.start_other(name).await;
            }
        }
        own
    }

    /// Where the second replica of a service listens.
    #[must_use]
    pub fn other_at(&self, name: &str) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 2], self.at(name).port()))
    }

    /// Starts the second replica of a service.
    pub async fn start_other(&mut self, name: &'static str) {
        let process = Process::service(&self.rig.binary, name, self.other_at(name), &self.arguments(name), &self.environment).await;
        self.others.insert(name, process);
    }

    /// What was prepared.
    #[must_use]
    pub fn rig(&self) -> &Rig {
        &self.rig
    }

    /// Where a service listens.
    #[must_use]
    pub fn at(&self, name: &str) -> SocketAddr {
        match name {
            "wallet" => self.wallet,
            "invoicing" => self.invoicing,
            "credit" => self.credit,
            "plans" => self.plans,
            _ => self.rig.gateway,
        }
    }

    /// The line between two services that has one.
    #[must_use]
    pub fn line(&self, caller: &'static str, callee: &'static str) -> &FaultyLine {
        &self.lines[&(caller, callee)]
    }

    /// Where the services are reached by one of them.
    fn peers(&self, caller: &'static str) -> impl Iterator<Item = String> {
        let peer = move |callee: &'static str| {
            let at = self.lines.get(&(caller, callee)).map_or_else(|| self.at(callee), |line| line.at);
            let other = self.twice.then(|| self.other_at(callee));
            let scheme = if self.security.is_some() { "https" } else { "http" };
            std::iter::once(at).chain(other).map(move |at| format!("--peer={callee}={scheme}://{at}"))
        };
        ["wallet", "invoicing", "credit", "plans"].into_iter().flat_map(peer)
    }

    /// The process of a service that runs.
    #[must_use]
    pub fn pid(&self, name: &str) -> Option<u32> {
        self.running.get(name).map(Process::pid)
    }

    /// Starts a service, killing itself at a point if one is named.
    pub async fn restart(&mut self, name: &'static str, kill_at: Option<&str>) {
        drop(self.running.remove(name));
        let arguments: Vec<_> = self.arguments(name).into_iter().chain(kill_at.map(|point| format!("--kill-at={point}"))).collect();
        let log = self.security.is_some().then(|| self.log_of(name));
        let settings = (arguments.as_slice(), self.environment.as_slice());
        let process = Process::logged_service(&self.rig.binary, name, self.at(name), settings, log.as_deref()).await;
        self.running.insert(name, process);
    }

    /// The arguments of a service, besides where it listens.
    fn arguments(&self, name: &'static str) -> Vec<String> {
        let (data, provider) = (self.rig.data().display().to_string(), self.rig.provider);
        let keys = self.security.as_ref().map_or_else(|| format!("{data}/keys"), |security| security.keys().display().to_string());
        let mut arguments = vec![format!("--keys={keys}")];
        arguments.extend(self.peers(name));
        match &self.security {
            Some(security) => {
                let folder = |part| security.certificates.folder(part).display().to_string();
                arguments.push(format!("--tls={}", folder(name)));
                arguments.push(format!("--probes={}", self.probes_of(name)));
                arguments.push("--log=info".to_owned());
                if name == "gateway" {
                    arguments.push(format!("--door-tls={}", folder("door")));
                }
            }
            None => arguments.extend(["--log=error", "--mode=development"].map(str::to_owned)),
        }
        if name == "gateway" {
            arguments.push(format!("--jwks={keys}/jwks.json"));
            arguments.extend(self.security.iter().map(|_| "--issuer=callers".to_owned()));
        } else {
            arguments.push(match &self.rig.postgres {
                Some(place) => format!("--database-url=postgres://payterms_{name}@{place}"),
                None => format!("--database-url=sqlite:{data}/{name}.db"),
            });
        }
        if name == "invoicing" {
            // In production a folder is refused. Nobody takes mails there, and so they wait.
            let place = if self.security.is_some() { "smtp://127.0.0.1:1".to_owned() } else { format!("file:{data}/mail") };
            arguments.push(format!("--mail={place}"));
        }
        if matches!(name, "wallet" | "gateway") || name == "credit" && self.security.is_none() {
            arguments.push(format!("--simulator=http://{provider}"));
        }
        if name == "wallet" {
            arguments.push(format!("--simulator-secret={data}/keys/simulator.secret"));
        }
        if name == "credit" {
            arguments.push(format!("--seal-key={data}/keys/seal.key"));
        }
        let options = self.rig.options.iter().filter(|option| option.starts_with("--bus")).chain(&self.options);
        // Those of the broker are not for the gateway, and those of limits for nobody else.
        let taken =
            options.filter(|option| if name == "gateway" { !option.starts_with("--bus") } else { !option.contains("-calls-per-second") });
        arguments.extend(taken.map(|option| option.replace("{part}", name)));
        arguments
    }

    /// Stops all, for a suite on what they leave.
    #[must_use]
    pub fn into_rig(self) -> Rig {
        self.rig
    }
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
    /// A rig with a running suite of `binary`, on SQLite or on a migrated database `host:port/name`.
    pub async fn start(binary: &str, postgres: Option<String>, options: &[String]) -> Self {
        let (binary, folder) = (binary.to_owned(), tempfile::tempdir().unwrap());
        let (gateway, provider) = (free_address(), free_address());
        let simulator = Process::simulator(&binary, folder.path(), provider, gateway).await;
        let mut rig = Self { binary, folder, gateway, provider, postgres, options: options.to_vec(), suite: None, _simulator: simulator };
        rig.restart(None).await;
        rig
    }

    /// Where its data is.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// Stops the suite.
    pub fn stop(&mut self) {
        drop(self.suite.take());
    }

    /// Starts the suite, killing itself at a point if one is named.
    pub async fn restart(&mut self, kill_at: Option<&str>) {
        drop(self.suite.take());
        let (data, places, postgres) = (self.folder.path(), (self.gateway, self.provider), self.postgres.as_deref());
        self.suite = Some(Process::suite(&self.binary, data, places, postgres, kill_at, &self.options).await);
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
        of_tenant(self.folder.path(), self.gateway, tenant, (role, customer))
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
        found.iter().map(|own| own["amount"].as_str().unwrap().to_owned()).collect()
    }
}

impl People {
    /// What is in the wallet.
    pub async fn posted(&self) -> Option<Money> {
        let read = self.admin.wallets().get_wallet(GetWalletRequest { name: self.wallet.clone() }).await.unwrap();
        read.into_inner().wallet.unwrap().balance.unwrap().posted
    }
}

/// What a client does: the same request until there is an answer.
pub async fn retry<T>(call: impl AsyncFn() -> Result<T, Status>) -> T {
    until(call, |_| true).await
}

/// Asks until the answer is as awaited.
pub async fn until<T>(call: impl AsyncFn() -> Result<T, Status>, awaited: impl Fn(&T) -> bool) -> T {
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
