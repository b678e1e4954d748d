//! What production refuses. A process that would serve people's money with keys, secrets, lines or
//! a database for trying things out does not start; it names all that it found, before it binds a
//! port.

use crate::key_file::MADE_FOR_DEVELOPMENT;
use clap::ValueEnum;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::{fmt, fs, net::IpAddr, path::Path};

/// What a process serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Other people's money.
    Production,
    /// Somebody who tries things out, and tests.
    Development,
}

/// The name of the key that signs callers' tokens where there is no identity provider.
pub const DEVELOPMENT: &str = "development";

/// Passwords that everybody tries first.
const WELL_KNOWN: [&str; 9] =
    ["postgres", "password", "payterms", "secret", "changeme", "admin", "root", "test", "dev"];
/// How the address of an embedded database begins.
const SQLITE: &str = "sqlite:";
/// The fewest bytes of a secret that cannot be guessed.
const SHORTEST_SECRET: usize = 16;

/// Why a process should not start: the flag of the setting that is to be changed, or whose file is,
/// and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// Such as `--seal-key`.
    pub setting: &'static str,
    /// A sentence for the person who starts the process.
    pub sentence: String,
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, sentence } = self;
        let is_named = sentence
            .split(|letter: char| letter != '-' && !letter.is_ascii_lowercase())
            .any(|word| word == *setting);
        if is_named { f.write_str(sentence) } else { write!(f, "{setting}: {sentence}") }
    }
}

/// All that is wrong with what a process is to be started with.
#[derive(Debug)]
pub struct Objections {
    mode: Mode,
    found: Vec<Objection>,
}

impl Objections {
    /// None yet.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self { mode, found: Vec::new() }
    }

    /// Whether the process is for production.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.mode == Mode::Production
    }

    /// What was read, or an objection in any mode.
    pub fn take<T>(&mut self, setting: &'static str, read: Result<T, String>) -> Option<T> {
        read.map_err(|sentence| self.found.push(Objection { setting, sentence })).ok()
    }

    /// An objection in production.
    pub fn refuse(&mut self, setting: &'static str, sentence: impl Into<String>) {
        if self.is_production() {
            self.found.push(Objection { setting, sentence: sentence.into() });
        }
    }

    /// Something that production has to do with for now: it is logged at every start.
    pub fn warn(&self, sentence: &str) {
        if self.is_production() {
            tracing::warn!("NOT FOR PRODUCTION: {sentence}");
        }
    }

    /// Objects to keys that a suite made for development in the folder of `--keys`.
    pub fn check_keys(&mut self, folder: &Path) {
        let names = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok());
        let is_key = |name: &String| {
            let (stem, ending) = name.rsplit_once('.').unwrap_or_default();
            let marked = || {
                fs::read_to_string(folder.join(name))
                    .is_ok_and(|text| text.starts_with(MADE_FOR_DEVELOPMENT))
            };
            matches!(ending, "key" | "pub") && (stem == DEVELOPMENT || marked())
        };
        let mut found: Vec<_> = names.filter(is_key).collect();
        found.sort();
        if !found.is_empty() {
            self.refuse(
                "--keys",
                format!(
                    "{}: {} are development keys; make others with k8s/keys",
                    folder.display(),
                    found.join(", ")
                ),
            );
        }
    }

    /// Objects to a secret that can be guessed. A file that is missing or unreadable is its
    /// reader's matter.
    pub fn check_secret(&mut self, setting: &'static str, file: &Path) {
        if fs::read(file).is_ok_and(|secret| is_guessable(&secret)) {
            self.refuse(
                setting,
                format!(
                    "{}: the secret can be guessed; make one with openssl rand 32",
                    file.display()
                ),
            );
        }
    }

    /// Objects to a line to a PostgreSQL server that may be plain text, and to a password that
    /// everybody tries first. Returns whether the server may be asked: over such a line not even a
    /// password is sent. An address that is malformed is its reader's matter.
    pub fn check_address(&mut self, setting: &'static str, url: &str) -> bool {
        if url.starts_with(SQLITE) {
            return true;
        }
        let Ok(server) = url.parse::<PgConnectOptions>() else { return true };
        if password_in(url).is_some_and(|password| is_well_known(server.get_username(), password)) {
            self.refuse(setting, "the password in the database's address is one that everybody tries first; set another one for the role");
        }
        if stays_on_machine(&server) {
            return true;
        }
        match server.get_ssl_mode() {
            PgSslMode::VerifyFull => {}
            PgSslMode::Require | PgSslMode::VerifyCa => {
                self.warn("the line to the database has TLS, but nobody asks who answers there; write sslmode=verify-full and sslrootcert");
            }
            // Prefer, the default, falls back to plain text where the server, or somebody in
            // between, offers no TLS.
            PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer => {
                self.refuse(
                    setting,
                    "the line to the database may be plain text; write sslmode=verify-full and sslrootcert into its address",
                );
                return !self.is_production();
            }
        }
        true
    }

    /// Objects to an outside service at an address without TLS: keys and personal data are sent
    /// there. What stays on the machine needs none.
    pub fn check_outside(&mut self, setting: &'static str, url: Option<&str>) {
        let is_safe = |url: &str| {
            url.starts_with("https://")
                || ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"]
                    .iter()
                    .any(|here| url.starts_with(here))
        };
        if url.is_some_and(|url| !is_safe(url)) {
            self.refuse(setting, "what is sent there could be read on the way; write an address that begins with https://");
        }
    }

    /// Objects to a password of the broker that everybody tries first.
    pub fn check_broker_password(&mut self, user: &str, password: &str) {
        if is_well_known(user, password) {
            self.refuse("--bus-credentials", "the broker's password is one that everybody tries first; set another one for the user");
        }
    }

    /// All objections.
    #[must_use]
    pub fn into_all(self) -> Vec<Objection> {
        self.found
    }

    /// The end of the checks.
    ///
    /// # Errors
    /// All objections, a line each.
    pub fn settle(&self) -> Result<(), String> {
        match self.found.as_slice() {
            [] => Ok(()),
            [only] if !self.is_production() => Err(only.to_string()),
            all => {
                let lines: Vec<_> =
                    all.iter().map(|objection| format!("\n- {objection}")).collect();
                let mode = if self.is_production() {
                    " in production (--mode=development is for trying things out)"
                } else {
                    ""
                };
                Err(format!("it does not start{mode}:{}", lines.concat()))
            }
        }
    }
}

fn is_well_known(user: &str, password: &str) -> bool {
    password == user || WELL_KNOWN.contains(&password.to_ascii_lowercase().as_str())
}

/// The password in an address. One that is a parameter counts before one that stands before the
/// host, as for the driver.
fn password_in(url: &str) -> Option<&str> {
    let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
    let authority = address
        .split_once("://")
        .map(|(_, rest)| rest.split('/').next().unwrap_or_default())
        .unwrap_or_default();
    let credentials =
        authority.rsplit_once('@').and_then(|(credentials, _)| credentials.split_once(':'));
    let parameter =
        parameters.split('&').rev().find_map(|parameter| parameter.strip_prefix("password="));
    parameter.or(credentials.map(|(_, password)| password))
}

/// Whether a line ends on this machine: a socket, or a loopback address.
fn stays_on_machine(server: &PgConnectOptions) -> bool {
    let host = server.get_host();
    server.get_socket().is_some() || host.starts_with('/') || is_this_machine(host)
}

/// Whether a host is this machine by its name or address. Who can read or take a line to it can
/// read this process's memory too, and what is behind it there, such as a proxy of the provider of
/// the database, brings its own TLS.
#[must_use]
pub fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Whether a secret is too short, one byte again and again, or a word that everybody tries first.
fn is_guessable(secret: &[u8]) -> bool {
    let word = secret.trim_ascii().to_ascii_lowercase();
    let is_one_byte = secret.iter().all(|byte| Some(byte) == secret.first());
    secret.len() < SHORTEST_SECRET
        || is_one_byte
        || WELL_KNOWN.iter().any(|known| word == known.as_bytes())
}

#[cfg(test)]
mod tests;
