//! A set of public keys (JWKS, RFC 7517) that sign callers' tokens.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

/// The most keys of a set.
const MOST_KEYS: usize = 100;
/// Bytes of an RSA modulus: shorter ones can be broken, and a check with longer ones takes long.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;

/// Keys by their id, each with the algorithm of its signatures. The algorithm is that of the key:
/// one that a token names could be chosen by an attacker.
pub(super) type Keys = HashMap<String, (Algorithm, DecodingKey)>;

#[derive(Debug, Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// The keys of a set that can be used. Issuers publish others beside them, such as keys for
/// encryption; these are left out.
///
/// # Errors
/// A sentence, if it is no set or no key in it can be used.
pub(super) fn parse(text: &str) -> Result<Keys, String> {
    let set: Set =
        serde_json::from_str(text).map_err(|error| format!("no set of keys (JWKS): {error}"))?;
    if set.keys.len() > MOST_KEYS {
        return Err(format!("more than {MOST_KEYS} keys"));
    }
    let mut keys = Keys::new();
    let mut left_out = Vec::new();
    for key in set.keys {
        let id = key.get("kid").and_then(Value::as_str).unwrap_or("without kid").to_owned();
        match usable(key) {
            Ok(key) => drop(keys.insert(id, key)),
            Err(fault) => left_out.push(format!("key {id}: {fault}")),
        }
    }
    if keys.is_empty() {
        let each = if left_out.is_empty() { "it is empty".to_owned() } else { left_out.join("; ") };
        return Err(format!("no key that can be used: {each}"));
    }
    if !left_out.is_empty() {
        tracing::info!(left_out = left_out.join("; "), "keys of the set are left out");
    }
    Ok(keys)
}

fn usable(key: Value) -> Result<(Algorithm, DecodingKey), String> {
    const ACCEPTED: &str = "only EdDSA, ES256 and RS256 are accepted";
    if key.get("kid").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err("a key needs a kid".to_owned());
    }
    let stated = key.get("alg").and_then(Value::as_str).map(str::to_owned);
    let key: Jwk = serde_json::from_value(key).map_err(|_| ACCEPTED.to_owned())?;
    if key.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature)
    {
        return Err("it is not for signatures".to_owned());
    }
    let (algorithm, name) = algorithm(&key).ok_or(ACCEPTED)?;
    if stated.is_some_and(|stated| stated != name) {
        return Err(ACCEPTED.to_owned());
    }
    if let AlgorithmParameters::RSA(rsa) = &key.algorithm {
        let modulus = URL_SAFE_NO_PAD.decode(&rsa.n).map_err(|error| error.to_string())?;
        let bytes = modulus.iter().skip_while(|byte| **byte == 0).count();
        if !RSA_BYTES.contains(&bytes) {
            return Err(format!(
                "an RSA key has {} to {} bits",
                RSA_BYTES.start() * 8,
                RSA_BYTES.end() * 8
            ));
        }
    }
    DecodingKey::from_jwk(&key)
        .map(|decoding| (algorithm, decoding))
        .map_err(|error| error.to_string())
}

fn algorithm(key: &Jwk) -> Option<(Algorithm, &'static str)> {
    match &key.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            Some((Algorithm::EdDSA, "EdDSA"))
        }
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            Some((Algorithm::ES256, "ES256"))
        }
        AlgorithmParameters::RSA(_) => Some((Algorithm::RS256, "RS256")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use jsonwebtoken::Algorithm;
    use serde_json::{Value, json};

    fn rsa(kid: &str, bytes: usize, alg: &str, purpose: &str) -> Value {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        json!({ "kty": "RSA", "kid": kid, "use": purpose, "alg": alg, "n": URL_SAFE_NO_PAD.encode(vec![0xC5; bytes]), "e": "AQAB" })
    }

    #[test]
    fn what_cannot_be_used_is_left_out_and_the_rest_counts() {
        let point = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
        let set = json!({ "keys": [
            rsa("signs", 256, "RS256", "sig"),
            rsa("encrypts", 256, "RSA-OAEP", "enc"),
            rsa("short", 128, "RS256", "sig"),
            rsa("endless", 2_048, "RS256", "sig"),
            rsa("other", 256, "PS256", "sig"),
            { "kty": "OKP", "crv": "Ed25519", "kid": "edwards", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
            { "kty": "OKP", "crv": "X25519", "kid": "agrees", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
            { "kty": "EC", "crv": "P-256", "kid": "curve", "x": point, "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" },
            { "kty": "EC", "crv": "P-521", "kid": "long", "x": point, "y": point },
            { "kty": "oct", "kid": "secret", "k": "c2VjcmV0" },
            { "kty": "NEW", "kid": "new" },
            { "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
            7,
        ] });
        let mut keys: Vec<_> = parse(&set.to_string())
            .unwrap()
            .into_iter()
            .map(|(id, (algorithm, _))| (id, algorithm))
            .collect();
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [
            ("curve", Algorithm::ES256),
            ("edwards", Algorithm::EdDSA),
            ("signs", Algorithm::RS256),
        ];
        assert_eq!(keys, expected.map(|(id, algorithm)| (id.to_owned(), algorithm)));
    }

    #[test]
    fn a_set_without_a_key_is_none() {
        for (text, fault) in [
            ("<html>", "no set of keys"),
            ("{\"keys\":[]}", "it is empty"),
            (
                "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"c2VjcmV0\"}]}",
                "key a: only EdDSA, ES256 and RS256",
            ),
        ] {
            let said = parse(text).unwrap_err();
            assert!(said.contains(fault), "{text}: {said}");
        }
        let many = vec![json!({}); 101];
        assert!(parse(&json!({ "keys": many }).to_string()).unwrap_err().contains("more than 100"));
    }
}
