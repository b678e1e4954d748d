//! A throw-away PostgreSQL server made from installed binaries, also when run as root.

use crate::process::free_address;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

/// Where the binaries of the newest PostgreSQL are.
#[must_use]
pub fn binaries() -> Option<PathBuf> {
    let packaged = fs::read_dir("/usr/lib/postgresql")
        .ok()
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"));
    let mut places: Vec<PathBuf> = packaged.collect();
    places.sort();
    places.reverse();
    places.extend(
        ["/usr/bin", "/usr/local/bin", "/usr/local/pgsql/bin", "/opt/homebrew/bin"]
            .map(PathBuf::from),
    );
    places
        .into_iter()
        .find(|place| place.join("initdb").exists() && place.join("postgres").exists())
}

/// A server that ends, and goes, with this process.
#[derive(Debug)]
pub struct Private {
    /// `host:port`; its owner is `postgres`.
    pub place: String,
    folder: PathBuf,
    /// Starts the server again for each line that it reads, and ends it when this process ends: its
    /// input closes then.
    keeper: Mutex<Child>,
}

/// A shell's command, as a user who may run a server.
fn as_owner(script: &str) -> Command {
    let root = rustix::process::geteuid().is_root();
    let mut command = if root { Command::new("runuser") } else { Command::new("sh") };
    if root {
        command.args(["-u", "postgres", "--", "sh"]);
    }
    command.args(["-c", script]).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Private {
    /// Starts a server with settings, as `postgres` takes them.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start(binaries: &Path, settings: &str) -> Self {
        Self::run_by(binaries, settings, |server, folder| {
            // The shell outlives this process by the time it takes to stop the server.
            format!(
                "while {server} >>{folder}/log 2>&1 & do server=$!; read _ || break; wait $server; done; kill -INT $server; wait; rm -rf {folder}"
            )
        })
    }

    /// Starts a server that outlives this process: it ends, and goes, once the process `runner` has
    /// ended.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start_for(binaries: &Path, settings: &str, runner: u32) -> Self {
        Self::run_by(binaries, settings, |server, folder| {
            format!(
                "{server} >>{folder}/log 2>&1 & server=$!; while [ -e /proc/{runner} ] || ps -p {runner} >/dev/null 2>&1; do sleep 1; done; \
                 kill -INT $server; wait; rm -rf {folder}"
            )
        })
    }

    /// Makes a server whose shell script is `keep`: it is given the server's command and its
    /// folder.
    fn run_by(binaries: &Path, settings: &str, keep: impl Fn(&str, &str) -> String) -> Self {
        let folder =
            tempfile::Builder::new().prefix("payterms-pg-").tempdir().expect("a folder").keep();
        if rustix::process::geteuid().is_root() {
            let changed =
                Command::new("chown").arg("postgres").arg(&folder).status().expect("chown runs");
            assert!(changed.success(), "the folder is given to the user postgres");
        }
        let data = folder.join("data");
        let initdb = format!(
            "{}/initdb -D {} -U postgres -A trust --no-sync -E UTF8",
            binaries.display(),
            data.display()
        );
        assert!(as_owner(&initdb).status().expect("sh runs").success(), "initdb: {initdb}");
        let port = free_address().port();
        let server = format!(
            "{}/postgres -D {} -p {port} -k {} -c listen_addresses=127.0.0.1 {settings}",
            binaries.display(),
            data.display(),
            folder.display()
        );
        let script = keep(&server, &folder.display().to_string());
        let keeper = as_owner(&script).stdin(Stdio::piped()).spawn().expect("sh runs");
        let made = Self { place: format!("127.0.0.1:{port}"), folder, keeper: Mutex::new(keeper) };
        made.wait_until_ready();
        made
    }

    /// Starts the server after a stop.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start_again(&self) {
        let mut keeper = self.keeper.lock().expect("no panic");
        keeper.stdin.as_mut().expect("a pipe").write_all(b"\n").expect("the shell reads");
        self.wait_until_ready();
    }

    fn wait_until_ready(&self) {
        let until = Instant::now() + Duration::from_secs(30);
        while !fs::read_to_string(self.folder.join("data/postmaster.pid"))
            .is_ok_and(|text| text.contains("ready"))
        {
            assert!(
                Instant::now() < until,
                "PostgreSQL starts: {}",
                fs::read_to_string(self.folder.join("log")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The server's process.
    ///
    /// # Panics
    /// Where it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        let text =
            fs::read_to_string(self.folder.join("data/postmaster.pid")).expect("the server runs");
        text.lines().next().and_then(|line| line.parse().ok()).expect("a pid")
    }

    /// Stops the server at once, as a crash does: nothing is written that is not written yet.
    ///
    /// # Panics
    /// Where it does not stop.
    pub fn stop_at_once(&self) {
        assert!(
            as_owner(&format!("kill -QUIT {}", self.pid())).status().expect("sh runs").success(),
            "a signal"
        );
        let until = Instant::now() + Duration::from_secs(30);
        while self.folder.join("data/postmaster.pid").exists() {
            assert!(Instant::now() < until, "PostgreSQL stops");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
