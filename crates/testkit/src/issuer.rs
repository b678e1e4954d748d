//! An identity provider: it signs tokens, and publishes its keys as a test says, or fails to.

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::StatusCode;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use payterms_chassis::identity::{ensure_key, key_set};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// How its address answers.
#[derive(Debug, Clone)]
pub enum Publishes {
    /// With this text.
    Text(String),
    /// With this status.
    Status(u16),
    /// With more than anybody should read.
    Endlessly,
    /// Never.
    Nothing,
}

/// A running identity provider; it ends with the test's runtime.
#[derive(Debug)]
pub struct Issuer {
    /// Where it listens.
    pub at: SocketAddr,
    publishes: Arc<Mutex<Publishes>>,
    read: Arc<AtomicUsize>,
}

/// What the server and the test share.
type Shared = (Arc<Mutex<Publishes>>, Arc<AtomicUsize>);

async fn answer(State((publishes, read)): State<Shared>) -> Response {
    read.fetch_add(1, Ordering::Relaxed);
    let publishes = publishes.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match publishes {
        Publishes::Text(text) => text.into_response(),
        Publishes::Status(status) => {
            StatusCode::from_u16(status).expect("a status").into_response()
        }
        Publishes::Endlessly => Body::from_stream(futures::stream::repeat_with(|| {
            Ok::<_, std::io::Error>(vec![b' '; 4_096])
        }))
        .into_response(),
        Publishes::Nothing => std::future::pending().await,
    }
}

impl Issuer {
    /// Starts it; its address answers with 503 until a test says what it publishes.
    pub async fn start() -> Self {
        let (publishes, read) =
            (Arc::new(Mutex::new(Publishes::Status(503))), Arc::<AtomicUsize>::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let server =
            Router::new().route("/jwks", get(answer)).with_state((publishes.clone(), read.clone()));
        tokio::spawn(async move { axum::serve(listener, server).await });
        Self { at, publishes, read }
    }

    /// Where it publishes its keys.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/jwks", self.at)
    }

    /// Says how its address answers from now on.
    pub fn publish(&self, publishes: Publishes) {
        *self.publishes.lock().unwrap_or_else(PoisonError::into_inner) = publishes;
    }

    /// Publishes these keys from now on.
    pub fn publish_keys(&self, keys: &[&IssuerKey]) {
        self.publish(Publishes::Text(set_of(keys)));
    }

    /// How often its address was read.
    #[must_use]
    pub fn readings(&self) -> usize {
        self.read.load(Ordering::Relaxed)
    }
}

/// The keys as a set (JWKS).
#[must_use]
pub fn set_of(keys: &[&IssuerKey]) -> String {
    json!({ "keys": keys.iter().map(|key| key.public.clone()).collect::<Vec<_>>() }).to_string()
}

/// A key that signs tokens.
pub struct IssuerKey {
    id: String,
    algorithm: Algorithm,
    private: EncodingKey,
    /// Its public part, as a JWK.
    pub public: Value,
}

impl IssuerKey {
    /// A key of this id and algorithm: `EdDSA`, `ES256` or `RS256`.
    #[must_use]
    pub fn make(id: &str, algorithm: Algorithm) -> Self {
        let (private, mut public) = match algorithm {
            Algorithm::EdDSA => edwards(id),
            Algorithm::ES256 => {
                let pair = rcgen::KeyPair::generate().expect("a key");
                with_public(
                    EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes())
                        .expect("a private key"),
                    algorithm,
                )
            }
            _ => {
                let made = Command::new("openssl")
                    .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
                    .output();
                with_public(
                    EncodingKey::from_rsa_pem(&made.expect("openssl runs").stdout)
                        .expect("a private key"),
                    algorithm,
                )
            }
        };
        public["kid"] = id.into();
        public["use"] = "sig".into();
        Self { id: id.to_owned(), algorithm, private, public }
    }

    /// A token with these claims, signed.
    #[must_use]
    pub fn token(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.clone()), ..Header::new(self.algorithm) };
        encode(&header, claims, &self.private).expect("a token")
    }
}

fn edwards(id: &str) -> (EncodingKey, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    ensure_key(folder.path(), id).expect("a key");
    let private = std::fs::read(folder.path().join(format!("{id}.key"))).expect("a file");
    let set: Value =
        serde_json::from_str(&key_set(folder.path(), &[id]).expect("a set")).expect("JSON");
    (EncodingKey::from_ed_pem(&private).expect("a private key"), set["keys"][0].clone())
}

fn with_public(private: EncodingKey, algorithm: Algorithm) -> (EncodingKey, Value) {
    let public = Jwk::from_encoding_key(&private, algorithm).expect("a public key");
    (private, serde_json::to_value(public).expect("JSON"))
}

impl std::fmt::Debug for IssuerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IssuerKey({})", self.id)
    }
}
