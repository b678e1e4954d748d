//! Services as they run in production: lines with TLS, keys that no suite has made, probes on a
//! port of their own.

use crate::{
    certificates::{Authority, Certificates, DOOR, channel, client},
    people::person,
    rig::{Rig, Services},
    services::Layout,
};
use payterms_chassis::{call::Caller, identity::Signer};
use payterms_kernel::SystemClock;
use payterms_suite::Session;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

/// How services are secured: certificates, and in production keys that no suite has made.
#[derive(Debug)]
pub struct Security {
    /// The folders of certificates.
    pub certificates: Certificates,
    /// Keys of the parts, and `callers`, which signs callers' tokens; none in development.
    keys: Option<tempfile::TempDir>,
}

impl Security {
    /// Certificates of an authority, and keys as `k8s/keys` makes them.
    #[must_use]
    pub fn of(authority: &Authority) -> Self {
        let keys = tempfile::tempdir().unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../k8s/keys");
        assert!(
            Command::new(script).arg(keys.path()).arg("callers").status().unwrap().success(),
            "k8s/keys runs"
        );
        Self { certificates: Certificates::of(authority), keys: Some(keys) }
    }

    /// Certificates of an authority for development, with the suite's own keys: the simulator and a
    /// folder of mails are taken.
    #[must_use]
    pub fn of_lines(authority: &Authority) -> Self {
        Self { certificates: Certificates::of(authority), keys: None }
    }

    /// The folder of keys in production.
    #[must_use]
    pub(crate) fn production_keys(&self) -> Option<&Path> {
        self.keys.as_ref().map(tempfile::TempDir::path)
    }

    /// The folder of keys in production.
    ///
    /// # Panics
    /// In development.
    #[must_use]
    pub fn keys(&self) -> &Path {
        self.production_keys().unwrap()
    }

    /// Someone who calls at a door with TLS.
    #[must_use]
    pub fn someone(
        &self,
        authority: &Authority,
        gateway: SocketAddr,
        role: &str,
        customer: Option<&str>,
    ) -> Session {
        let caller: Caller = person("acme", role, customer);
        let signer = Signer::read(self.keys(), "callers", Arc::new(SystemClock)).unwrap();
        let token = signer.token(payterms_gateway::identity::AUDIENCE, &caller, 600).unwrap();
        Session::on(channel(gateway, DOOR, client(authority, None)), &token).unwrap()
    }
}

impl Services {
    /// Starts each service in production, on what a rig has prepared. Nothing of the simulator is
    /// there: cards are charged where the rig's `--stripe` says.
    pub async fn secured(rig: Rig, security: Security) -> Self {
        Self::secured_with(rig, security, Vec::new()).await
    }

    /// The same, with more options for each.
    pub async fn secured_with(rig: Rig, security: Security, options: Vec<String>) -> Self {
        Self::start(rig, Layout { options, security: Some(security), ..Layout::default() }).await
    }

    /// How they are secured.
    ///
    /// # Panics
    /// Where they are not.
    #[must_use]
    pub fn security(&self) -> &Security {
        self.security.as_ref().unwrap()
    }

    /// Where a secured service answers probes.
    #[must_use]
    pub fn probes_of(&self, name: &str) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 3], self.at(name).port()))
    }

    pub(crate) fn log_of(&self, name: &str) -> PathBuf {
        self.rig().data().join(format!("{name}.log"))
    }

    /// What a secured service has logged.
    #[must_use]
    pub fn logged(&self, name: &str) -> String {
        fs::read_to_string(self.log_of(name)).unwrap_or_default()
    }
}
