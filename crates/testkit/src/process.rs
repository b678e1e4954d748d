//! The suite and the simulator as processes of their own, for tests that kill them.

use crate::people::person;
use payterms_chassis::call::Caller;
use payterms_suite::{Session, start::development_token};
use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

/// A free address on loopback, for a server that is to come back to it after a kill. It is below
/// the ports that systems give to outgoing connections: one of those could take it in between.
///
/// # Panics
/// Where every port is taken.
#[must_use]
pub fn free_address() -> SocketAddr {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 12_000;
    const PORTS: u16 = 20_000;
    // Test processes side by side begin at different places.
    let first = u16::try_from(std::process::id() % 400).unwrap_or_default() * 50;
    let address = |given: u16| SocketAddr::from(([127, 0, 0, 1], FIRST + (first + given) % PORTS));
    let mut fresh = (0..PORTS).map(|_| address(GIVEN.fetch_add(1, Ordering::Relaxed) % PORTS));
    fresh.find(|at| TcpListener::bind(at).is_ok()).expect("a free port")
}

/// A process that is killed when dropped.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts `binary` and waits until it says that it serves.
    async fn spawn(binary: &str, arguments: Vec<String>, ready: &'static str) -> Self {
        let mut command = Command::new(binary);
        command.args(&arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        Self::started(move || {
            let mut process = Self(command.spawn().expect("the suite starts"));
            let mut lines = BufReader::new(process.0.stdout.take().expect("a pipe")).lines();
            let said = lines.by_ref().map_while(Result::ok).any(|line| line.contains(ready));
            assert!(said, "{arguments:?} serves");
            std::thread::spawn(move || lines.for_each(drop));
            process
        })
        .await
    }

    /// Waits on a thread of its own: scenarios that run side by side on one thread have requests
    /// half sent meanwhile, and a server closes a connection that says nothing.
    async fn started(start: impl FnOnce() -> Self + Send + 'static) -> Self {
        tokio::task::spawn_blocking(start).await.expect("the process serves")
    }

    /// The simulator on its own file in `data`.
    pub async fn simulator(binary: &str, data: &Path, at: SocketAddr, gateway: SocketAddr) -> Self {
        let arguments = [
            "simulator".to_owned(),
            format!("--data={}", data.display()),
            format!("--at={at}"),
            format!("--notify=http://{gateway}"),
        ];
        Self::spawn(binary, arguments.to_vec(), "serves on").await
    }

    /// The suite on SQLite in `data`, or on `postgres`, killing itself at a point if one is named.
    pub async fn suite(
        binary: &str,
        data: &Path,
        gateway: SocketAddr,
        simulator: SocketAddr,
        postgres: Option<&str>,
        kill_at: Option<&str>,
        options: &[String],
    ) -> Self {
        let more: Vec<_> = postgres
            .map(|place| format!("--postgres={place}"))
            .into_iter()
            .chain(kill_at.map(|point| format!("--kill-at={point}")))
            .chain(options.iter().cloned())
            .collect();
        Self::suite_with(binary, data, gateway, simulator, &more).await
    }

    /// The suite on SQLite in `data`, with more arguments.
    pub async fn suite_with(
        binary: &str,
        data: &Path,
        gateway: SocketAddr,
        simulator: SocketAddr,
        more: &[String],
    ) -> Self {
        let mut arguments = vec![
            format!("--data={}", data.display()),
            format!("--listen={gateway}"),
            format!("--simulator=http://{simulator}"),
            "--bare".to_owned(),
        ];
        arguments.extend_from_slice(more);
        Self::spawn(binary, arguments, "Ready after").await
    }

    /// One service of the suite, with its arguments; it serves on `at` when this answers.
    pub async fn service(
        binary: &str,
        name: &str,
        at: SocketAddr,
        arguments: &[String],
        environment: &[(String, String)],
    ) -> Self {
        Self::logged_service(binary, name, at, arguments, environment, None).await
    }

    /// The same, whose log goes to the end of a file if one is named.
    pub async fn logged_service(
        binary: &str,
        name: &str,
        at: SocketAddr,
        arguments: &[String],
        environment: &[(String, String)],
        log: Option<&Path>,
    ) -> Self {
        let mut command = Command::new(binary);
        command.args(["service", name]).arg(format!("--listen={at}")).args(arguments);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        if let Some(log) = log {
            command.stderr(File::options().create(true).append(true).open(log).expect("a log"));
        }
        Self::started(move || {
            let mut process = Self(command.spawn().expect("the service starts"));
            let until = Instant::now() + Duration::from_secs(30);
            while std::net::TcpStream::connect(at).is_err() {
                assert!(
                    process.0.try_wait().expect("a child").is_none() && Instant::now() < until,
                    "{command:?} serves"
                );
                std::thread::sleep(Duration::from_millis(2));
            }
            process
        })
        .await
    }

    /// The process' id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Waits until the process has ended by itself; its exit code, none where a signal ended it.
    pub fn wait_for_end(&mut self) -> Option<i32> {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.0.try_wait().expect("a child") {
                return status.code();
            }
            assert!(
                Instant::now() < until,
                "the process was to kill itself and did not: the point was never reached"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Tells the process to end, with SIGTERM.
    pub fn terminate(&self) {
        let exit_status = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        assert!(exit_status.expect("kill runs").success(), "the process is there");
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Someone with one role of tenant `acme` who calls a suite with its keys in `data`.
#[must_use]
pub fn someone(data: &Path, gateway: SocketAddr, role: &str, customer: Option<&str>) -> Session {
    of_tenant(data, gateway, "acme", role, customer)
}

/// Someone with one role of a tenant.
#[must_use]
pub fn of_tenant(
    data: &Path,
    gateway: SocketAddr,
    tenant: &str,
    role: &str,
    customer: Option<&str>,
) -> Session {
    let caller: Caller = person(tenant, role, customer);
    let token = development_token(&data.join("keys"), &caller, 600).expect("a token");
    Session::new(gateway, &token).expect("a session")
}
