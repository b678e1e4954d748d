//! The suite as a process for each part, some of them twice, in plain text or with TLS: what is to
//! be killed alone.

use crate::{
    certificates::{Authority, DOOR, channel, client},
    faulty_line::FaultyLine,
    held_answers::HeldAnswers,
    patient_line::PatientLine,
    process::{Process, free_address},
    rig::Rig,
    security::Security,
};
use std::{collections::BTreeMap, net::SocketAddr};

/// The services; the gateway is beside them.
const SERVICES: [&str; 4] = ["wallet", "invoicing", "credit", "plans"];
const GATEWAY: &str = "gateway";
/// The variable that names the program of second replicas: that of another version, to see two of
/// them side by side on one schema.
const OTHER_BINARY: &str = "TEST_OTHER_BINARY";

/// The suite as a process for each service, beside the simulator, after one as a whole has
/// prepared.
#[derive(Debug)]
pub struct Services {
    rig: Rig,
    options: Vec<String>,
    /// Environment of processes that are started from now on.
    pub environment: Vec<(String, String)>,
    places: BTreeMap<&'static str, SocketAddr>,
    lines: BTreeMap<(&'static str, &'static str), FaultyLine>,
    /// Whether each service has a second replica, at another address.
    twice: bool,
    /// Whether what is started from now on knows the simulator, as nothing does in production.
    pub has_simulator: bool,
    pub(crate) security: Option<Security>,
    pub(crate) others: BTreeMap<&'static str, Process>,
    pub(crate) running: BTreeMap<&'static str, Process>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the program of another version belongs to whoever runs the tests"
)]
fn other_binary() -> Option<String> {
    std::env::var(OTHER_BINARY).ok()
}

/// How services are laid out.
#[derive(Debug, Default)]
pub(crate) struct Layout<'a> {
    /// More options for each, in which `{part}` is its name.
    pub(crate) options: Vec<String>,
    /// Lines with TLS; none: plain text.
    pub(crate) security: Option<Security>,
    /// A line that can break between each of these pairs, caller first.
    pub(crate) pairs: &'a [(&'static str, &'static str)],
    /// A second replica of each service.
    pub(crate) twice: bool,
    /// Whether something else has the address of the suite's gateway, and the gateways are behind
    /// it.
    pub(crate) behind: bool,
}

impl Services {
    /// Starts each service on what a rig has prepared, with a line that can break between each of
    /// these pairs, caller first.
    pub async fn on_lines(rig: Rig, pairs: &[(&'static str, &'static str)]) -> Self {
        Self::start(rig, Layout { pairs, ..Layout::default() }).await
    }

    /// Starts each service on what a rig on PostgreSQL has prepared, with a second replica of each
    /// behind the gateway.
    pub async fn twice(rig: Rig) -> Self {
        Self::start(rig, Layout { twice: true, ..Layout::default() }).await
    }

    /// Starts each service on what a rig has prepared.
    pub async fn of(rig: Rig) -> Self {
        Self::with(rig, Vec::new()).await
    }

    /// The same, with more options for each, in which `{part}` is its name.
    pub async fn with(rig: Rig, options: Vec<String>) -> Self {
        Self::start(rig, Layout { options, ..Layout::default() }).await
    }

    /// Starts an installation on what a rig on PostgreSQL has prepared: two of each part with TLS
    /// on all their lines, and before the gateways a patient client's line, which has the address
    /// of the suite's gateway.
    pub async fn installed(
        rig: Rig,
        authority: &Authority,
        options: Vec<String>,
    ) -> (Self, PatientLine) {
        let layout = Layout {
            options,
            security: Some(Security::of_lines(authority)),
            twice: true,
            behind: true,
            ..Layout::default()
        };
        let mut services = Self::start(rig, layout).await;
        services.start_other(GATEWAY).await;
        let doors = [services.at(GATEWAY), services.other_at(GATEWAY)]
            .map(|door| channel(door, DOOR, client(authority, None)));
        let line = PatientLine::open(services.rig.gateway, doors.to_vec()).await;
        (services, line)
    }

    pub(crate) async fn start(
        mut rig: Rig,
        Layout { options, security, pairs, twice, behind }: Layout<'_>,
    ) -> Self {
        rig.stop();
        let mut places: BTreeMap<_, _> =
            SERVICES.into_iter().map(|name| (name, free_address())).collect();
        places.insert(GATEWAY, if behind { free_address() } else { rig.gateway });
        let mut services = Self {
            rig,
            options,
            // Logs are read by what is in them.
            environment: security.iter().map(|_| ("NO_COLOR".to_owned(), "1".to_owned())).collect(),
            places,
            lines: BTreeMap::new(),
            twice,
            has_simulator: true,
            security,
            others: BTreeMap::new(),
            running: BTreeMap::new(),
        };
        services.lines =
            pairs.iter().map(|pair| (*pair, FaultyLine::to(services.at(pair.1)))).collect();
        for name in SERVICES.into_iter().chain([GATEWAY]) {
            services.restart(name, None).await;
            if twice && name != GATEWAY {
                services.start_other(name).await;
            }
        }
        services
    }

    /// Where the second replica of a service listens.
    #[must_use]
    pub fn other_at(&self, name: &str) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 2], self.at(name).port()))
    }

    /// Starts the second replica of a service.
    pub async fn start_other(&mut self, name: &'static str) {
        let mut arguments = self.arguments(name);
        if self.security.is_some() {
            arguments.push(format!(
                "--probes={}",
                SocketAddr::from(([127, 0, 0, 4], self.at(name).port()))
            ));
        }
        let log = self.security.is_some().then(|| self.log_of(&format!("{name}-2")));
        let binary = other_binary().unwrap_or_else(|| self.rig.binary.clone());
        let process = Process::logged_service(
            &binary,
            name,
            self.other_at(name),
            &arguments,
            &self.environment,
            log.as_deref(),
        )
        .await;
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
        self.places[name]
    }

    /// The line between two services that has one.
    #[must_use]
    pub fn line(&self, caller: &'static str, callee: &'static str) -> &FaultyLine {
        &self.lines[&(caller, callee)]
    }

    /// Where the services are reached by one of them.
    fn peers(&self, caller: &'static str) -> impl Iterator<Item = String> {
        let peer = move |callee: &'static str| {
            let at =
                self.lines.get(&(caller, callee)).map_or_else(|| self.at(callee), |line| line.at);
            let other = self.twice.then(|| self.other_at(callee));
            let scheme = if self.security.is_some() { "https" } else { "http" };
            std::iter::once(at)
                .chain(other)
                .map(move |at| format!("--peer={callee}={scheme}://{at}"))
        };
        SERVICES.into_iter().flat_map(peer)
    }

    /// Starts a service anew, with a line to another one that holds back the answers of a method.
    pub async fn hold_answers(
        &mut self,
        caller: &'static str,
        callee: &'static str,
        method: &'static str,
    ) -> HeldAnswers {
        let held = HeldAnswers::open(self.at(callee), method).await;
        self.lines.insert((caller, callee), FaultyLine::to(held.at));
        self.restart(caller, None).await;
        held
    }

    /// The process of a service that runs.
    #[must_use]
    pub fn pid(&self, name: &str) -> Option<u32> {
        self.running.get(name).map(Process::pid)
    }

    /// Starts a service, killing itself at a point if one is named.
    pub async fn restart(&mut self, name: &'static str, kill_at: Option<&str>) {
        drop(self.running.remove(name));
        let mut arguments = self.arguments(name);
        arguments.extend(kill_at.map(|point| format!("--kill-at={point}")));
        arguments
            .extend(self.security.iter().map(|_| format!("--probes={}", self.probes_of(name))));
        let log = self.security.is_some().then(|| self.log_of(name));
        let process = Process::logged_service(
            &self.rig.binary,
            name,
            self.at(name),
            &arguments,
            &self.environment,
            log.as_deref(),
        )
        .await;
        self.running.insert(name, process);
    }

    /// The arguments of a service, besides where it listens and answers probes.
    fn arguments(&self, name: &'static str) -> Vec<String> {
        let (data, provider) = (self.rig.data().display().to_string(), self.rig.provider);
        // In production the keys are not those that the suite has made.
        let production_keys = self.security.as_ref().and_then(Security::production_keys);
        let keys = production_keys
            .map_or_else(|| format!("{data}/keys"), |keys| keys.display().to_string());
        let mut arguments = vec![format!("--keys={keys}")];
        arguments.extend(self.peers(name));
        if let Some(security) = &self.security {
            let folder = |part| security.certificates.folder(part).display().to_string();
            arguments.push(format!("--tls={}", folder(name)));
            if name == GATEWAY {
                arguments.push(format!("--door-tls={}", folder("door")));
            }
        }
        arguments.push(format!("--log={}", if self.security.is_some() { "info" } else { "error" }));
        if production_keys.is_none() {
            arguments.push("--mode=development".to_owned());
        }
        if name == GATEWAY {
            arguments.push(format!("--jwks={keys}/jwks.json"));
            arguments.extend(production_keys.map(|_| "--issuer=callers".to_owned()));
        } else {
            arguments.push(match &self.rig.postgres {
                Some(place) => format!("--database-url=postgres://payterms_{name}@{place}"),
                None => format!("--database-url=sqlite:{data}/{name}.db"),
            });
        }
        if name == "invoicing" {
            // In production a folder is refused. Nobody takes mails there, and so they wait.
            let place = if production_keys.is_some() {
                "smtp://127.0.0.1:1".to_owned()
            } else {
                format!("file:{data}/mail")
            };
            arguments.push(format!("--mail={place}"));
        }
        if matches!(name, "wallet" | "credit" | GATEWAY)
            && production_keys.is_none()
            && self.has_simulator
        {
            arguments.push(format!("--simulator=http://{provider}"));
        }
        if name == "wallet" {
            arguments.push(format!("--simulator-secret={data}/keys/simulator.secret"));
            arguments.extend(
                self.rig.options.iter().filter(|option| option.starts_with("--stripe=")).cloned(),
            );
        }
        if name == "credit" {
            arguments.push(format!("--seal-key={data}/keys/seal.key"));
        }
        let options = self
            .rig
            .options
            .iter()
            .filter(|option| option.starts_with("--bus"))
            .chain(&self.options);
        // Those of the broker are not for the gateway, and those of limits for nobody else.
        let taken = options.filter(|option| {
            if name == GATEWAY {
                !option.starts_with("--bus")
            } else {
                !option.contains("-calls-per-second")
            }
        });
        arguments.extend(taken.map(|option| option.replace("{part}", name)));
        arguments
    }

    /// Stops all, for a suite on what they leave.
    #[must_use]
    pub fn into_rig(self) -> Rig {
        self.rig
    }
}
