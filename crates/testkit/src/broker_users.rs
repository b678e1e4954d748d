//! Brokers that ask who comes, in the ways that NATS has: credentials of an operator's account, a
//! user with a password, a token.

use crate::broker::Broker;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use nkeys::KeyPair;
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

/// A broker that asks who comes, and a file with what it takes.
#[derive(Debug)]
pub struct Asking {
    /// The broker, in plain text.
    pub broker: Broker,
    /// What `--bus-credentials` names.
    pub credentials: PathBuf,
    _folder: tempfile::TempDir,
}

/// What an account or a user may have without a limit.
const UNLIMITED: [&str; 10] = [
    "subs",
    "data",
    "payload",
    "imports",
    "exports",
    "conn",
    "leaf",
    "mem_storage",
    "disk_storage",
    "streams",
];

/// A claim of NATS, signed by who is above.
fn claim(issuer: &KeyPair, subject: &KeyPair, name: &str, mut nats: Value) -> String {
    nats["version"] = 2.into();
    let claims = json!({ "jti": name, "iat": 1, "iss": issuer.public_key(), "sub": subject.public_key(), "name": name, "nats": nats });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let said =
        format!("{}.{}", part(&json!({ "typ": "JWT", "alg": "ed25519-nkey" })), part(&claims));
    let signature = URL_SAFE_NO_PAD.encode(issuer.sign(said.as_bytes()).unwrap());
    format!("{said}.{signature}")
}

fn account(operator: &KeyPair, account: &KeyPair, name: &str, has_streams: bool) -> String {
    let mut limits = json!({ "wildcards": true, "consumer": -1 });
    for limit in UNLIMITED {
        let of_streams = ["mem_storage", "disk_storage", "streams"].contains(&limit);
        limits[limit] = if of_streams && !has_streams { 0 } else { -1 }.into();
    }
    if !has_streams {
        limits["consumer"] = 0.into();
    }
    claim(
        operator,
        account,
        name,
        json!({ "type": "account", "limits": limits, "default_permissions": { "pub": {}, "sub": {} } }),
    )
}

impl Asking {
    /// One that asks for credentials of an account of its operator.
    pub async fn for_credentials() -> Option<Self> {
        let [operator, system, key_pair, user] = [
            KeyPair::new_operator(),
            KeyPair::new_account(),
            KeyPair::new_account(),
            KeyPair::new_user(),
        ];
        let settings = format!(
            "operator: \"{}\"\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {}: \"{}\", {}: \"{}\" }}\n",
            claim(&operator, &operator, "tests", json!({ "type": "operator" })),
            system.public_key(),
            system.public_key(),
            account(&operator, &system, "system", false),
            key_pair.public_key(),
            account(&operator, &key_pair, "payterms", true),
        );
        let limits =
            json!({ "type": "user", "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1 });
        let credentials = format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            claim(&key_pair, &user, "wallet", limits),
            user.seed().unwrap()
        );
        Self::start(&settings, &credentials).await
    }

    /// One that asks for a user and its password.
    pub async fn for_password() -> Option<Self> {
        Self::start(
            "authorization { user: payterms, password: \"tT9:x-0w\" }\n",
            "payterms:tT9:x-0w\n",
        )
        .await
    }

    /// One that asks for a token.
    pub async fn for_token() -> Option<Self> {
        Self::start("authorization { token: \"tT9x0w-canary\" }\n", ":tT9x0w-canary\n").await
    }

    async fn start(settings: &str, credentials: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shown");
        fs::write(&file, credentials).unwrap();
        let broker = Broker::with_settings(settings).await?;
        Some(Self { broker, credentials: file, _folder: folder })
    }
}
