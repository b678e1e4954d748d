//! Certificates for tests: authorities, the folders that parts read, and channels with TLS.

use hyper_util::rt::TokioIo;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint, Uri};

/// The parts of the suite.
pub const PARTS: [&str; 5] = ["wallet", "invoicing", "credit", "plans", "gateway"];
/// The name that the world knows the gateway by.
pub const DOOR: &str = "api.payterms.example";

/// An authority that issues certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

impl Authority {
    /// A new authority of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Writes a new certificate for these names and its key to a folder, as `tls.crt` and
    /// `tls.key`.
    pub fn issue(&self, folder: &Path, names: &[&str]) {
        self.issue_with(folder, names, |_| {});
    }

    /// Writes one that ended at the beginning of 2020.
    pub fn issue_ended(&self, folder: &Path, names: &[&str]) {
        self.issue_with(folder, names, |params| params.not_after = date_time_ymd(2020, 1, 1));
    }

    fn issue_with(
        &self,
        folder: &Path,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
                .unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("tls.crt"), certificate.pem()).unwrap();
        fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
    }
}

/// The folders of certificates of all parts, and of the door.
#[derive(Debug)]
pub struct Certificates(tempfile::TempDir);

impl Certificates {
    /// Certificates of one authority for all.
    #[must_use]
    pub fn of(authority: &Authority) -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        for part in PARTS {
            authority.issue(&made.folder(part), &[part]);
        }
        authority.issue(&made.folder("door"), &[DOOR]);
        made.trust(&[authority]);
        made
    }

    /// The folder of a part, or of `door`.
    #[must_use]
    pub fn folder(&self, part: &str) -> PathBuf {
        self.0.path().join(part)
    }

    /// Lets all parts believe these authorities and no others.
    pub fn trust(&self, authorities: &[&Authority]) {
        let pem: String = authorities.iter().map(|authority| authority.pem()).collect();
        for part in PARTS {
            fs::write(self.folder(part).join("ca.crt"), &pem).unwrap();
        }
    }
}

/// A client that believes an authority, and shows the certificate in a folder if one is named.
#[must_use]
pub fn client(trusted: &Authority, shown: Option<&Path>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder =
        builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut client = match shown {
        Some(folder) => {
            let chain = CertificateDer::pem_file_iter(folder.join("tls.crt"))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            builder
                .with_client_auth_cert(
                    chain,
                    PrivateKeyDer::from_pem_file(folder.join("tls.key")).unwrap(),
                )
                .unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    client.alpn_protocols = vec![b"h2".to_vec()];
    client
}

/// Opens a connection with TLS to who is to be called `name`.
///
/// # Errors
/// Why it is not open.
pub async fn connect(
    at: SocketAddr,
    name: &str,
    client: ClientConfig,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(at).await?;
    TlsConnector::from(Arc::new(client))
        .connect(ServerName::try_from(name.to_owned()).unwrap(), stream)
        .await
}

/// A channel with TLS to who is to be called `name`; it connects when it is first used.
#[must_use]
pub fn channel(at: SocketAddr, name: &'static str, client: ClientConfig) -> Channel {
    let connector = tower::service_fn(move |_: Uri| {
        let client = client.clone();
        async move { connect(at, name, client).await.map(TokioIo::new) }
    });
    Endpoint::from_shared(format!("http://{at}")).unwrap().connect_with_connector_lazy(connector)
}
