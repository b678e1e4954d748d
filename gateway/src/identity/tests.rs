//! Which callers' tokens pass, and the fault that is named of each other one.

use super::{KeyOptions, KeySet, TokenOptions};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use payterms_chassis::identity::{TokenFault, ensure_key, key_set};
use payterms_kernel::{Clock, Reason, SystemClock};
use serde_json::{Value, json};
use std::fs;
use tokio_util::sync::CancellationToken;

struct Issuer {
    folder: tempfile::TempDir,
    now: i64,
}

impl Issuer {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        ensure_key(folder.path(), "idp").unwrap();
        fs::write(folder.path().join("jwks.json"), key_set(folder.path(), &["idp"]).unwrap())
            .unwrap();
        Self { folder, now: SystemClock.now().timestamp() }
    }

    fn set(&self, options: TokenOptions) -> KeySet {
        let keys = KeyOptions::file(self.folder.path().join("jwks.json"));
        KeySet::open(&keys, options, CancellationToken::new()).unwrap()
    }

    fn token(&self, claims: &Value, crit: Option<Vec<String>>) -> String {
        let key = EncodingKey::from_ed_pem(&fs::read(self.folder.path().join("idp.key")).unwrap())
            .unwrap();
        let mut all = json!({ "aud": "payterms", "sub": "ann", "exp": self.now + 600 });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        encode(
            &Header { kid: Some("idp".into()), crit, ..Header::new(Algorithm::EdDSA) },
            &all,
            &key,
        )
        .unwrap()
    }
}

#[test]
fn each_claim_is_checked_and_the_fault_has_a_name() {
    let issuer = Issuer::new();
    let set = issuer.set(TokenOptions {
        issuer: Some("https://idp.example".into()),
        ..TokenOptions::default()
    });
    let with = |claims: Value| {
        let mut all = json!({ "iss": "https://idp.example" });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        set.verify(&issuer.token(&all, None)).map(|known| known.caller.subject.clone())
    };
    assert_eq!(with(json!({})), Ok("ann".to_owned()));
    let now = issuer.now;
    for (claim, wrong) in [
        ("nbf", json!({ "nbf": now + 60 })),
        ("iss", json!({ "iss": "https://else.example" })),
        ("one is missing", json!({ "iss": null })),
        ("aud", json!({ "aud": "else" })),
        ("iat", json!({ "iat": now + 60 })),
        ("exp", json!({ "exp": now + 90_000 })),
        ("exp", json!({ "exp": i64::MAX })),
        ("exp", json!({ "iat": now - 90_000 })),
        ("customer", json!({ "customer": "no id" })),
        ("tenant", json!({ "tenant": "NO SLUG" })),
        ("sub", json!({ "sub": "" })),
        ("sub", json!({ "sub": "api-key:01990000-0000-7000-8000-000000000001" })),
        ("sub", json!({ "sub": " \t " })),
        ("sub", json!({ "sub": "ann\r\nset-cookie: a=b" })),
        ("sub", json!({ "sub": "ann\u{202E}" })),
        ("sub", json!({ "sub": "4242 4242 4242 4242" })),
        ("sub", json!({ "sub": "user:5555555555554444" })),
        ("sub", json!({ "sub": "x".repeat(256) })),
    ] {
        assert_eq!(with(wrong.clone()), Err(TokenFault::Claim(claim)), "{wrong}");
    }
    assert_eq!(with(json!({ "exp": now - 60 })), Err(TokenFault::Expired));
    // Identifiers that some provider gives.
    for subject in [
        "auth0|5f7c8ec7c33c6c004bbafe82",
        "110169484474386276334",
        "42424242-4242-4242-8242-424242424242",
        "ann@acme.example",
    ] {
        assert_eq!(with(json!({ "sub": subject })), Ok(subject.to_owned()));
    }
    let critical = issuer.token(&json!({ "iss": "https://idp.example" }), Some(vec!["exp".into()]));
    assert_eq!(set.verify(&critical).unwrap_err(), TokenFault::NotSigned("crit"));
}

#[tokio::test]
async fn who_names_no_tenant_is_told_which_claim_is_read() {
    let issuer = Issuer::new();
    let map = issuer.folder.path().join("claims.toml");
    fs::write(&map, "tenant = [\"acme\", \"tenant\"]").unwrap();
    for (options, claim, right) in [
        (TokenOptions::default(), "tenant", json!({ "tenant": "acme" })),
        (
            TokenOptions { claims: Some(map), ..TokenOptions::default() },
            "acme.tenant",
            json!({ "acme": { "tenant": "acme" } }),
        ),
    ] {
        let set = issuer.set(options);
        for roles in [json!([]), json!(["OWNER", "STAFF"])] {
            let token = issuer.token(&json!({ "roles": roles }), None);
            // The second time the token is known.
            for _ in 0..2 {
                let refused = set.caller(&token).await.unwrap_err();
                assert_eq!(
                    payterms_chassis::error::reason(&refused).as_deref(),
                    Some(Reason::TOKEN_INVALID.name())
                );
                assert!(
                    refused.message().contains(&format!("the claim {claim} is missing")),
                    "{}",
                    refused.message()
                );
            }
        }
        for right in [right, json!({ "roles": ["OPERATOR"] })] {
            assert!(set.caller(&issuer.token(&right, None)).await.is_ok(), "{right}");
        }
    }
}

#[test]
fn without_a_configured_issuer_any_key_of_the_file_counts_and_nobody_is_a_peer() {
    let issuer = Issuer::new();
    let set = issuer.set(TokenOptions::default());
    let roles = json!({ "roles": ["STAFF", "PEER"], "iss": "anyone", "iat": issuer.now - 3_600, "nbf": issuer.now - 3_600 });
    assert_eq!(set.verify(&issuer.token(&roles, None)).unwrap().caller.roles, ["STAFF"]);
    assert!(
        issuer
            .set(TokenOptions { longest_token_seconds: 300, ..TokenOptions::default() })
            .verify(&issuer.token(&json!({}), None))
            .is_err()
    );
}
