//! Callers' tokens: a JWT signed by a key of the JWKS file, checked here and nowhere else.

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    errors::ErrorKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet},
};
use payterms_chassis::{
    call::Caller,
    identity::{TokenFault, believed_until},
    kept::Kept,
};
use payterms_kernel::{Clock, SystemClock};
use serde::Deserialize;
use std::{collections::HashMap, path::Path};

/// The audience that callers' tokens must name.
pub const AUDIENCE: &str = "payterms";

/// Roles that only the suite itself has: a caller's token never brings them in.
const INNER_ROLES: [&str; 1] = ["PEER"];

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
}

/// The public keys of those who issue callers' tokens, by key id.
pub struct KeySet {
    keys: HashMap<String, (Algorithm, DecodingKey)>,
    verified: Kept<String, Caller>,
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}

impl KeySet {
    /// Reads a JWKS file.
    ///
    /// # Errors
    /// A sentence that names file and key.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", file.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let set: JwkSet = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut keys = HashMap::new();
        for key in &set.keys {
            let id = key.common.key_id.clone().ok_or("a key without kid")?;
            let algorithm = algorithm(key).ok_or_else(|| format!("key {id}: only EdDSA, ES256 and RS256 are accepted"))?;
            let decoding = DecodingKey::from_jwk(key).map_err(|error| format!("key {id}: {error}"))?;
            keys.insert(id, (algorithm, decoding));
        }
        Ok(Self { keys, verified: Kept::default() })
    }

    /// Checks signature, algorithm, audience and expiry, and answers who calls.
    ///
    /// # Errors
    /// `Expired`, or `Invalid` for everything else.
    pub fn verify(&self, token: &str) -> Result<Caller, TokenFault> {
        let now = SystemClock.now();
        if let Some(caller) = self.verified.get(token, now) {
            return Ok(caller);
        }
        let header = decode_header(token).map_err(|_| TokenFault::Invalid)?;
        let (algorithm, key) = header.kid.and_then(|kid| self.keys.get(&kid)).ok_or(TokenFault::Invalid)?;
        // The key decides the algorithm, never the token.
        let mut validation = Validation::new(*algorithm);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud", "sub"]);
        validation.leeway = 5;
        let claims = decode::<Claims>(token, key, &validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => TokenFault::Expired,
            _ => TokenFault::Invalid,
        })?;
        let Claims { sub, tenant, customer, mut roles, exp } = claims.claims;
        roles.retain(|role| !INNER_ROLES.contains(&role.as_str()));
        let tenant = tenant.as_deref().map(str::parse).transpose().map_err(|_| TokenFault::Invalid)?;
        let caller = Caller { subject: sub, roles, tenant, customer, run_id: None };
        self.verified.keep(token.to_owned(), caller.clone(), believed_until(exp, now));
        Ok(caller)
    }
}

fn algorithm(key: &Jwk) -> Option<Algorithm> {
    match &key.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Some(Algorithm::EdDSA),
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => Some(Algorithm::ES256),
        AlgorithmParameters::RSA(_) => Some(Algorithm::RS256),
        _ => None,
    }
}
