//! Which internal tokens pass, and which keys count.

use super::{Signer, TokenFault, Verifier, ensure_key, public_keys};
use crate::wire::call::Caller;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use payterms_kernel::{Clock, SystemClock};
use serde_json::{Value, json};
use std::{fs, path::Path, sync::Arc};

fn caller() -> Caller {
    Caller {
        subject: "ann".into(),
        roles: vec!["STAFF".into()],
        tenant: "acme".parse().ok(),
        customer: None,
        run_id: None,
    }
}

/// The gateway's token with some claims and header fields other than usual.
fn token_with(folder: &Path, claims: &Value, header: Header) -> String {
    let key = EncodingKey::from_ed_pem(&fs::read(folder.join("gateway.key")).unwrap()).unwrap();
    let mut all = json!({ "iss": "gateway", "aud": "wallet", "sub": "ann", "exp": SystemClock.now().timestamp() + 60 });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    encode(&Header { alg: Algorithm::EdDSA, ..header }, &all, &key).unwrap()
}

#[test]
fn only_a_known_issuers_fresh_token_for_this_audience_passes() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["gateway", "other"] {
        ensure_key(folder.path(), name).unwrap();
    }
    let signer = Signer::read(folder.path(), "gateway", Arc::new(SystemClock)).unwrap();
    let verifier = Verifier::read(folder.path(), "wallet", &["gateway".into()]).unwrap();
    let token = signer.internal("wallet", &caller()).unwrap();
    assert_eq!(verifier.verify(&token), Ok(("gateway".to_owned(), caller())));
    let tampered = format!("{}x", &token[..token.len() - 1]);
    assert_eq!(verifier.verify(&tampered), Err(TokenFault::NotSigned("signature")));
    assert_eq!(
        verifier.verify(&signer.internal("invoicing", &caller()).unwrap()),
        Err(TokenFault::Claim("aud"))
    );
    assert_eq!(
        verifier.verify(&signer.token("wallet", &caller(), -60).unwrap()),
        Err(TokenFault::Expired)
    );
    let other = Signer::read(folder.path(), "other", Arc::new(SystemClock)).unwrap();
    assert_eq!(
        verifier.verify(&other.internal("wallet", &caller()).unwrap()),
        Err(TokenFault::NotSigned("issuer"))
    );
    let none = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJnYXRld2F5IiwiYXVkIjoid2FsbGV0Iiwic3ViIjoieCIsImV4cCI6OTk5OTk5OTk5OX0.";
    assert_eq!(verifier.verify(none), Err(TokenFault::NotSigned("form")));
}

#[test]
fn an_internal_token_lives_minutes_and_says_nothing_that_is_not_understood() {
    let folder = tempfile::tempdir().unwrap();
    ensure_key(folder.path(), "gateway").unwrap();
    let verifier = Verifier::read(folder.path(), "wallet", &["gateway".into()]).unwrap();
    let now = SystemClock.now().timestamp();
    let with = |claims: Value| {
        verifier.verify(&token_with(folder.path(), &claims, Header::default())).map(drop)
    };
    assert_eq!(with(json!({ "exp": now + 299 })), Ok(()));
    assert_eq!(with(json!({ "exp": now + 330 })), Err(TokenFault::Claim("exp")));
    assert_eq!(with(json!({ "exp": now + 10 * 365 * 86_400 })), Err(TokenFault::Claim("exp")));
    assert_eq!(with(json!({ "exp": i64::MAX })), Err(TokenFault::Claim("exp")));
    assert_eq!(with(json!({ "nbf": now + 60 })), Err(TokenFault::Claim("nbf")));
    assert_eq!(with(json!({ "nbf": "soon" })), Err(TokenFault::Claim("form")));
    let critical = Header { crit: Some(vec!["b64".into()]), ..Header::default() };
    assert_eq!(
        verifier.verify(&token_with(folder.path(), &json!({}), critical)),
        Err(TokenFault::NotSigned("crit"))
    );
}

#[test]
fn a_file_may_hold_the_next_key_beside_the_present_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut both = String::new();
    for name in ["gateway", "next"] {
        ensure_key(folder.path(), name).unwrap();
        both += &fs::read_to_string(folder.path().join(format!("{name}.pub"))).unwrap();
    }
    assert_eq!(public_keys(&both).map(|keys| keys.len()), Ok(2));
    assert!(public_keys("").is_err() && public_keys(&both[..both.len() - 40]).is_err());
    let present = Signer::read(folder.path(), "gateway", Arc::new(SystemClock)).unwrap();
    fs::copy(folder.path().join("next.key"), folder.path().join("gateway.key")).unwrap();
    let next = Signer::read(folder.path(), "gateway", Arc::new(SystemClock)).unwrap();
    fs::write(folder.path().join("gateway.pub"), both).unwrap();
    let verifier = Verifier::read(folder.path(), "wallet", &["gateway".into()]).unwrap();
    for signer in [present, next] {
        assert!(verifier.verify(&signer.internal("wallet", &caller()).unwrap()).is_ok());
    }
}
