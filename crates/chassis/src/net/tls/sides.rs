//! The two sides of a line with TLS, made from the files of a folder: `tls.crt`, `tls.key` and
//! `ca.crt`, as a Secret of Kubernetes has them and cert-manager makes them.

use crate::net::tls::{
    certificate::{Certificate, Purpose},
    files::{Files, Followed, Side},
};
use payterms_kernel::{Clock, SystemClock};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::Resumption,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    version::{TLS12, TLS13},
};
use std::{path::Path, sync::Arc};
use tokio_util::sync::CancellationToken;

/// The files of a part.
pub const PART_FILES: [&str; 3] = ["tls.crt", "tls.key", "ca.crt"];
/// The files of the door.
pub const DOOR_FILES: [&str; 2] = ["tls.crt", "tls.key"];

/// What a part shows to the others, and the authorities that it believes: mutual TLS.
#[derive(Debug)]
pub struct Part {
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) client: Arc<ClientConfig>,
    certificates: Vec<(Purpose, Certificate)>,
}

/// What the gateway shows to the world.
#[derive(Debug)]
pub struct Door {
    pub(crate) server: Arc<ServerConfig>,
    certificates: Vec<(Purpose, Certificate)>,
}

impl Side for Part {
    fn certificates(&self) -> &[(Purpose, Certificate)] {
        &self.certificates
    }
}

impl Side for Door {
    fn certificates(&self) -> &[(Purpose, Certificate)] {
        &self.certificates
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The certificates in a PEM file, at least one.
fn certificates(files: &Files, name: &'static str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(files.get(name)?).collect();
    let found = found.map_err(|error| format!("{name}: {error}"))?;
    if found.is_empty() { Err(format!("{name}: it holds no certificate")) } else { Ok(found) }
}

/// The first certificate of a chain, whose key is there.
fn leaf(chain: &[CertificateDer<'static>]) -> Result<Certificate, String> {
    let leaf = chain
        .first()
        .ok_or_else(|| "it holds no certificate".to_owned())
        .and_then(Certificate::read);
    leaf.and_then(|leaf| leaf.check_time(SystemClock.now()).map(|()| leaf))
        .map_err(|fault| format!("tls.crt: {fault}"))
}

fn key(files: &Files) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(files.get("tls.key")?)
        .map_err(|error| format!("tls.key: {error}"))
}

/// The sentence for a certificate that its key does not belong to, among other faults.
#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn unusable(error: rustls::Error) -> String {
    format!("tls.crt with tls.key: {error}")
}

/// The authorities in a PEM file, at least one.
///
/// # Errors
/// A sentence that names the file.
pub fn authorities(file: &Path) -> Result<RootCertStore, String> {
    let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let text = std::fs::read(file).map_err(|error| fault(&error))?;
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(&text) {
        roots.add(authority.map_err(|error| fault(&error))?).map_err(|error| fault(&error))?;
    }
    if roots.is_empty() { Err(fault(&"it holds no certificate")) } else { Ok(roots) }
}

/// Whether a folder holds a certificate that a client can show, and its key. Whether it is good now
/// is for who is shown it.
///
/// # Errors
/// A sentence that names the folder, and the files that are missing or malformed.
pub fn check_pair(folder: &Path) -> Result<(), String> {
    let files = Files::read(folder, &DOOR_FILES)?;
    let pair = certificates(&files, "tls.crt").and_then(|chain| Ok((chain, key(&files)?)));
    let pair = pair.and_then(|(chain, key)| {
        let client = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        client
            .with_root_certificates(RootCertStore::empty())
            .with_client_auth_cert(chain, key)
            .map_err(unusable)
    });
    pair.map(drop).map_err(|fault| format!("{}: {fault}", folder.display()))
}

impl Part {
    /// The two sides of the part `name`, from a folder whose files are followed until `stop` is
    /// cancelled. Called within a runtime.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn follow(
        name: &'static str,
        folder: &Path,
        stop: CancellationToken,
    ) -> Result<Followed<Self>, String> {
        Followed::open(name, folder, &PART_FILES, move |files| Self::read(name, files), stop)
    }

    /// The two sides of the part `name`.
    ///
    /// # Errors
    /// A sentence that names the file that is missing, malformed, another part's, or not good now.
    pub fn read(name: &str, files: &Files) -> Result<Self, String> {
        let (chain, key) = (certificates(files, "tls.crt")?, key(files)?);
        let mut roots = RootCertStore::empty();
        let mut authorities = Vec::new();
        for authority in certificates(files, "ca.crt")? {
            authorities
                .push(Certificate::read(&authority).map_err(|fault| format!("ca.crt: {fault}"))?);
            roots.add(authority).map_err(|error| format!("ca.crt: {error}"))?;
        }
        let leaf = leaf(&chain)?;
        if !leaf.is_of(name) {
            return Err(format!("tls.crt: it does not have the DNS name {name}"));
        }
        let roots = Arc::new(roots);
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots.clone(), provider()).build();
        let verifier = verifier.map_err(|error| format!("ca.crt: {error}"))?;
        let server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?;
        let mut server = server
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(unusable)?;
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A session that is resumed shows no certificate, so each connection begins anew. They are
        // few, and last.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        let client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?;
        let mut client = client
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(unusable)?;
        client.alpn_protocols = vec![b"h2".to_vec()];
        client.resumption = Resumption::disabled();
        // While authorities change, an old one may end; the one that lasts longest counts.
        let lasting = authorities
            .into_iter()
            .max_by_key(Certificate::ends)
            .map(|lasting| (Purpose::Authority, lasting));
        let certificates = std::iter::once((Purpose::Part, leaf)).chain(lasting).collect();
        Ok(Self { server: Arc::new(server), client: Arc::new(client), certificates })
    }
}

impl Door {
    /// What the door shows, from a folder whose files are followed until `stop` is cancelled.
    /// Called within a runtime.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn follow(folder: &Path, stop: CancellationToken) -> Result<Followed<Self>, String> {
        Followed::open("gateway", folder, &DOOR_FILES, Self::read, stop)
    }

    /// What the door shows.
    ///
    /// # Errors
    /// A sentence that names the file that is missing, malformed, or not good now.
    pub fn read(files: &Files) -> Result<Self, String> {
        let (chain, key) = (certificates(files, "tls.crt")?, key(files)?);
        leaf(&chain)?;
        let read = |der| Certificate::read(der).map(|certificate| (Purpose::Door, certificate));
        let certificates = chain
            .iter()
            .map(read)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|fault| format!("tls.crt: {fault}"))?;
        let server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS12, &TLS13])
            .map_err(unusable)?;
        let mut server =
            server.with_no_client_auth().with_single_cert(chain, key).map_err(unusable)?;
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { server: Arc::new(server), certificates })
    }
}
