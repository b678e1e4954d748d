//! Callers' tokens: JWTs signed by a key of the JWKS file. Only the gateway checks them; the services accept only the
//! internal tokens that it issues.

use clap::Args;
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet},
};
use payterms_chassis::{
    access::PEER,
    call::Caller,
    identity::{LEEWAY, TokenFault, believed_until, claims_of, header_of},
    key_file::KeyFile,
    ttl_cache::TtlCache,
};
use payterms_kernel::{Clock, SystemClock, text};
use serde::Deserialize;
use std::{collections::HashMap, path::Path, sync::Arc};

/// The audience that callers' tokens must name.
pub const AUDIENCE: &str = "payterms";

/// Roles that only the suite's own services have. They are removed from callers' tokens.
const INNER_ROLES: [&str; 1] = [PEER];

/// The most characters of a subject: the limit that `OpenID` Connect sets for `sub`.
const LONGEST_SUBJECT: usize = 255;

/// Requirements on callers' tokens.
#[derive(Debug, Clone, Args)]
pub struct TokenOptions {
    /// The `iss` that callers' tokens must have; without it any issuer whose key is in the JWKS file is accepted.
    #[arg(long, env = "PAYTERMS_ISSUER")]
    pub issuer: Option<String>,
    /// Seconds that a caller's token may live at most.
    #[arg(long, env = "PAYTERMS_LONGEST_TOKEN_SECONDS", default_value_t = LONGEST_TOKEN_SECONDS, value_parser = clap::value_parser!(i64).range(1..=31_536_000))]
    pub longest_token_seconds: i64,
}

/// A day, so that one sign-in lasts for a working day. It is limited because a token cannot be revoked.
pub const LONGEST_TOKEN_SECONDS: i64 = 86_400;

impl Default for TokenOptions {
    fn default() -> Self {
        Self { issuer: None, longest_token_seconds: LONGEST_TOKEN_SECONDS }
    }
}

#[derive(Debug, Deserialize)]
struct Claims {
    sub: String,
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    customer: Option<uuid::Uuid>,
    #[serde(default)]
    roles: Vec<String>,
    exp: i64,
    #[serde(default)]
    iat: Option<i64>,
}

/// Keys by their id.
type Keys = HashMap<String, (Algorithm, DecodingKey)>;

/// The public keys of those who issue callers' tokens.
pub struct KeySet {
    file: KeyFile<Keys>,
    options: TokenOptions,
    /// Callers by token, with the keys with which the token was checked: after a change of the keys it is checked again.
    verified: TtlCache<String, (Arc<Keys>, Caller)>,
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.file.fmt(f)
    }
}

impl KeySet {
    /// Reads a JWKS file, now and whenever it changes.
    ///
    /// # Errors
    /// A sentence that names the file and the key, if the file cannot be read or a key is not usable.
    pub fn read(file: &Path, options: TokenOptions) -> Result<Self, String> {
        Ok(Self { file: KeyFile::read(file.to_owned(), parse)?, options, verified: TtlCache::default() })
    }

    /// Whether there is a key of this id.
    #[must_use]
    pub fn has_key(&self, id: &str) -> bool {
        self.file.last_keys().contains_key(id)
    }

    /// Checks signature, algorithm, audience, issuer, lifetime and subject, and answers the caller.
    ///
    /// # Errors
    /// The fault of the token.
    pub fn verify(&self, token: &str) -> Result<Caller, TokenFault> {
        let now = SystemClock.now();
        let keys = self.file.keys().ok_or_else(|| TokenFault::NotSigned("key").logged(""))?;
        if let Some((checked_with, caller)) = self.verified.get(token, now)
            && Arc::ptr_eq(&checked_with, &keys)
        {
            return Ok(caller);
        }
        let claims = self.check(token, &keys, now.timestamp()).map_err(|fault| fault.logged("a caller's"))?;
        let Claims { sub, tenant, customer, mut roles, exp, .. } = claims;
        roles.retain(|role| !INNER_ROLES.contains(&role.as_str()));
        let tenant = tenant.as_deref().map(str::parse).transpose().map_err(|_| TokenFault::Claim("tenant").logged("a caller's"))?;
        let caller = Caller { subject: sub, roles, tenant, customer, run_id: None };
        self.verified.insert(token.to_owned(), (keys, caller.clone()), believed_until(exp, now));
        Ok(caller)
    }

    fn check(&self, token: &str, keys: &Keys, now: i64) -> Result<Claims, TokenFault> {
        let header = header_of(token)?;
        let (algorithm, key) = header.kid.and_then(|kid| keys.get(&kid)).ok_or(TokenFault::NotSigned("kid"))?;
        // The algorithm is that of the key. One named by the token could be chosen by an attacker.
        let mut validation = Validation::new(*algorithm);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud", "sub"]);
        if let Some(issuer) = &self.options.issuer {
            validation.set_issuer(&[issuer]);
            validation.set_required_spec_claims(&["exp", "aud", "sub", "iss"]);
        }
        validation.validate_nbf = true;
        validation.leeway = LEEWAY.num_seconds().unsigned_abs();
        let claims: Claims = claims_of(token, std::slice::from_ref(key), &validation)?;
        let leeway = LEEWAY.num_seconds();
        if claims.iat.is_some_and(|iat| iat > now.saturating_add(leeway)) {
            return Err(TokenFault::Claim("iat"));
        }
        // A token without `iat` counts as issued now, so it may live for the longest lifetime from now on at most.
        let lifetime = claims.exp.saturating_sub(claims.iat.map_or(now, |iat| iat.min(now)));
        if lifetime > self.options.longest_token_seconds.saturating_add(leeway) {
            return Err(TokenFault::Claim("exp"));
        }
        if is_hostile(&claims.sub) {
            return Err(TokenFault::Claim("sub"));
        }
        Ok(claims)
    }
}

/// Whether a subject must not be stored and shown in audit rows and logs: it is empty, too long, has control characters,
/// or looks like a card number. An id is never refused, though its digits may look like a card number.
fn is_hostile(subject: &str) -> bool {
    if uuid::Uuid::try_parse(subject).is_ok() {
        return false;
    }
    let is_control = |c: char| c.is_control() || matches!(text::check(c.encode_utf8(&mut [0; 4]), 1), Err(text::TextFault::InvalidChars));
    subject.trim().is_empty()
        || subject.chars().count() > LONGEST_SUBJECT
        || subject.chars().any(is_control)
        || text::is_card_number(subject)
}

fn parse(text: &str) -> Result<Keys, String> {
    let set: JwkSet = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut keys = HashMap::new();
    for key in &set.keys {
        let id = key.common.key_id.clone().ok_or("a key without kid")?;
        let algorithm = algorithm(key).ok_or_else(|| format!("key {id}: only EdDSA, ES256 and RS256 are accepted"))?;
        let decoding = DecodingKey::from_jwk(key).map_err(|error| format!("key {id}: {error}"))?;
        keys.insert(id, (algorithm, decoding));
    }
    Ok(keys)
}

fn algorithm(key: &Jwk) -> Option<Algorithm> {
    match &key.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Some(Algorithm::EdDSA),
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => Some(Algorithm::ES256),
        AlgorithmParameters::RSA(_) => Some(Algorithm::RS256),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{KeySet, TokenOptions};
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    use payterms_chassis::identity::{TokenFault, ensure_key, key_set};
    use payterms_kernel::{Clock, SystemClock};
    use serde_json::{Value, json};
    use std::fs;

    struct Issuer {
        folder: tempfile::TempDir,
        now: i64,
    }

    impl Issuer {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            ensure_key(folder.path(), "idp").unwrap();
            fs::write(folder.path().join("jwks.json"), key_set(folder.path(), &["idp"]).unwrap()).unwrap();
            Self { folder, now: SystemClock.now().timestamp() }
        }

        fn set(&self, options: TokenOptions) -> KeySet {
            KeySet::read(&self.folder.path().join("jwks.json"), options).unwrap()
        }

        fn token(&self, claims: &Value, crit: Option<Vec<String>>) -> String {
            let key = EncodingKey::from_ed_pem(&fs::read(self.folder.path().join("idp.key")).unwrap()).unwrap();
            let mut all = json!({ "aud": "payterms", "sub": "ann", "exp": self.now + 600 });
            all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
            encode(&Header { kid: Some("idp".into()), crit, ..Header::new(Algorithm::EdDSA) }, &all, &key).unwrap()
        }
    }

    #[test]
    fn each_claim_is_checked_and_the_fault_has_a_name() {
        let issuer = Issuer::new();
        let set = issuer.set(TokenOptions { issuer: Some("https://idp.example".into()), ..TokenOptions::default() });
        let with = |claims: Value| {
            let mut all = json!({ "iss": "https://idp.example" });
            all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
            set.verify(&issuer.token(&all, None)).map(|caller| caller.subject)
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
            ("form", json!({ "customer": "no id" })),
            ("tenant", json!({ "tenant": "NO SLUG" })),
            ("sub", json!({ "sub": "" })),
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
        for subject in
            ["auth0|5f7c8ec7c33c6c004bbafe82", "110169484474386276334", "42424242-4242-4242-8242-424242424242", "ann@acme.example"]
        {
            assert_eq!(with(json!({ "sub": subject })), Ok(subject.to_owned()));
        }
        let critical = issuer.token(&json!({ "iss": "https://idp.example" }), Some(vec!["exp".into()]));
        assert_eq!(set.verify(&critical), Err(TokenFault::NotSigned("crit")));
    }

    #[test]
    fn without_a_configured_issuer_any_key_of_the_file_counts_and_nobody_is_a_peer() {
        let issuer = Issuer::new();
        let set = issuer.set(TokenOptions::default());
        let roles = json!({ "roles": ["STAFF", "PEER"], "iss": "anyone", "iat": issuer.now - 3_600, "nbf": issuer.now - 3_600 });
        assert_eq!(set.verify(&issuer.token(&roles, None)).unwrap().roles, ["STAFF"]);
        assert!(
            issuer
                .set(TokenOptions { longest_token_seconds: 300, ..TokenOptions::default() })
                .verify(&issuer.token(&json!({}), None))
                .is_err()
        );
    }
}
