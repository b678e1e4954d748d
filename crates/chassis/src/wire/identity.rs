//! Tokens: Ed25519 keys, and the internal tokens that services sign and verify.

pub use crate::wire::key_pairs::{ensure_key, key_set};

use crate::{
    key_file::KeyFile,
    ttl_cache::TtlCache,
    wire::{call::Caller, key_pairs},
};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
    errors::ErrorKind,
};
use payterms_kernel::{Clock, SystemClock};
use quick_cache::Equivalent;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{collections::HashMap, path::Path, sync::Arc};

/// The lifetime of an internal token in seconds.
const INTERNAL_SECONDS: i64 = 60;
/// The longest accepted lifetime of an internal token: more than clocks differ, and too short to be
/// worth stealing.
const LONGEST_INTERNAL: TimeDelta = TimeDelta::minutes(5);
/// The tolerated difference between clocks.
pub const LEEWAY: TimeDelta = TimeDelta::seconds(5);
/// How long a signed token is reused. Its remaining lifetime must be longer than the longest call.
const REUSED_FOR: TimeDelta = TimeDelta::seconds(20);

/// The claims of an internal token.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer: Option<uuid::Uuid>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    exp: i64,
}

/// Why a token is refused. A caller learns only whether it has expired; details go to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// No accepted key has signed it. Anybody can send such a token, so it is only logged at debug
    /// level.
    NotSigned(&'static str),
    /// It is signed, but a claim is not accepted: its issuer has a bug, or a key has leaked.
    Claim(&'static str),
    /// It has expired.
    Expired,
    /// There are no keys to check it with for now.
    NoKeys,
}

impl TokenFault {
    /// Writes the fault to the log, without the token.
    #[must_use]
    pub fn logged(self, issuer: &str) -> Self {
        match self {
            Self::Claim(claim) => tracing::warn!(issuer, claim, "a signed token is refused"),
            Self::NotSigned(fault) => tracing::debug!(fault, "a token is refused"),
            Self::Expired | Self::NoKeys => {}
        }
        self
    }
}

/// The header of a token. A header with critical extensions is refused, because the suite supports
/// none.
///
/// # Errors
/// `NotSigned` if the header is malformed or has critical extensions.
pub fn header_of(token: &str) -> Result<Header, TokenFault> {
    let header = decode_header(token).map_err(|_| TokenFault::NotSigned("form"))?;
    if header.crit.is_some() { Err(TokenFault::NotSigned("crit")) } else { Ok(header) }
}

/// The claims of a token that one of the keys has signed, checked by `validation`.
///
/// # Errors
/// The fault of the token, with the claim or check that failed.
pub fn claims_of<C: DeserializeOwned>(
    token: &str,
    keys: &[DecodingKey],
    validation: &Validation,
) -> Result<C, TokenFault> {
    let mut fault = TokenFault::NotSigned("key");
    for key in keys {
        match decode::<C>(token, key, validation) {
            Ok(decoded) => return Ok(decoded.claims),
            Err(error) => fault = fault_of(error.kind()),
        }
        if !matches!(fault, TokenFault::NotSigned(_)) {
            break;
        }
    }
    Err(fault)
}

fn fault_of(error: &ErrorKind) -> TokenFault {
    match error {
        ErrorKind::ExpiredSignature => TokenFault::Expired,
        ErrorKind::ImmatureSignature => TokenFault::Claim("nbf"),
        ErrorKind::InvalidIssuer => TokenFault::Claim("iss"),
        ErrorKind::InvalidAudience => TokenFault::Claim("aud"),
        ErrorKind::InvalidSubject => TokenFault::Claim("sub"),
        ErrorKind::MissingRequiredClaim(_) => TokenFault::Claim("one is missing"),
        // The library checks the signature before it parses the claims, so the token is signed
        // here.
        ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) => TokenFault::Claim("form"),
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => {
            TokenFault::NotSigned("algorithm")
        }
        _ => TokenFault::NotSigned("signature"),
    }
}

/// A private key, and its id where it has one of its own.
struct PrivateKey {
    key: EncodingKey,
    id: Option<String>,
}

/// A cached token, and the key that signed it.
type Signed = (Arc<PrivateKey>, String);

/// Finds a cached token by audience and caller without a copy of them. It hashes as the cache's key
/// does.
#[derive(Hash)]
struct Addressed<'a>(&'a str, &'a Caller);

impl Equivalent<(String, Caller)> for Addressed<'_> {
    fn equivalent(&self, (audience, caller): &(String, Caller)) -> bool {
        self.0 == audience && self.1 == caller
    }
}

/// A private key that signs tokens in one name.
#[derive(Clone)]
pub struct Signer {
    name: String,
    key: Arc<KeyFile<PrivateKey>>,
    clock: Arc<dyn Clock>,
    /// Signed tokens by audience and caller.
    signed: Arc<TtlCache<(String, Caller), Signed>>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.name)
    }
}

impl Signer {
    /// Reads the private key `<folder>/<name>.key`.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn read(folder: &Path, name: &str, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let parse = |pem: &str| {
            let key =
                EncodingKey::from_ed_pem(pem.as_bytes()).map_err(|error| error.to_string())?;
            Ok(PrivateKey { key, id: key_pairs::id_in(pem).map(str::to_owned) })
        };
        let key = KeyFile::read(folder.join(format!("{name}.key")), parse)?;
        Ok(Self { name: name.to_owned(), key: Arc::new(key), clock, signed: Arc::default() })
    }

    /// A token for one service on behalf of `caller`, valid for at most a minute.
    ///
    /// # Errors
    /// A sentence if the key cannot sign the claims.
    pub fn internal(&self, audience: &str, caller: &Caller) -> Result<String, String> {
        let (now, key) = (self.clock.now(), self.key.last_keys());
        if let Some((signed_by, token)) = self.signed.get(&Addressed(audience, caller), now)
            && Arc::ptr_eq(&signed_by, &key)
        {
            return Ok(token);
        }
        let token = self.sign(&key, audience, caller, INTERNAL_SECONDS)?;
        self.signed.insert(
            (audience.to_owned(), caller.clone()),
            (key, token.clone()),
            now + REUSED_FOR,
        );
        Ok(token)
    }

    /// A token that is valid for `seconds`.
    ///
    /// # Errors
    /// A sentence if the key cannot sign the claims.
    pub fn token(&self, audience: &str, caller: &Caller, seconds: i64) -> Result<String, String> {
        self.sign(&self.key.last_keys(), audience, caller, seconds)
    }

    fn sign(
        &self,
        key: &PrivateKey,
        audience: &str,
        caller: &Caller,
        seconds: i64,
    ) -> Result<String, String> {
        let claims = Claims {
            iss: self.name.clone(),
            aud: audience.to_owned(),
            sub: caller.subject.clone(),
            tenant: caller.tenant.as_ref().map(ToString::to_string),
            customer: caller.customer,
            roles: caller.roles.clone(),
            run_id: caller.run_id.clone(),
            exp: self.clock.now().timestamp().saturating_add(seconds),
        };
        let id = key.id.as_ref().unwrap_or(&self.name);
        let header = Header { kid: Some(id.clone()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &claims, &key.key).map_err(|error| error.to_string())
    }
}

/// How long a verified token is accepted without another check, as long as the keys do not change.
pub const BELIEVED: TimeDelta = TimeDelta::seconds(60);

/// Until when a verified token is accepted without another check, if it expires at `exp` (seconds
/// since 1970).
#[must_use]
pub fn believed_until(exp: i64, now: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(exp, 0).map_or(now, |exp| exp.min(now + BELIEVED))
}

/// Verifies tokens with the public keys of the accepted issuers.
#[derive(Clone)]
pub struct Verifier {
    audience: String,
    issuers: Arc<HashMap<String, KeyFile<Vec<DecodingKey>>>>,
    verified: Arc<TtlCache<String, Verified>>,
}

/// The content of a verified token, and the keys that verified it.
#[derive(Clone)]
struct Verified {
    issuer: String,
    caller: Caller,
    keys: Arc<Vec<DecodingKey>>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Verifier({})", self.audience)
    }
}

impl Verifier {
    /// Reads the keys `<folder>/<issuer>.pub` of issuers that may call `audience`. A file may hold
    /// an old and a new key.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn read(folder: &Path, audience: &str, issuers: &[String]) -> Result<Self, String> {
        let read = |issuer: &String| {
            Ok((issuer.clone(), KeyFile::read(folder.join(format!("{issuer}.pub")), public_keys)?))
        };
        let issuers = issuers.iter().map(read).collect::<Result<_, String>>()?;
        Ok(Self {
            audience: audience.to_owned(),
            issuers: Arc::new(issuers),
            verified: Arc::default(),
        })
    }

    fn keys(&self, issuer: &str) -> Option<Arc<Vec<DecodingKey>>> {
        self.issuers.get(issuer).and_then(KeyFile::keys)
    }

    /// Checks signature, issuer, audience, algorithm and lifetime. Returns the issuer and the
    /// caller.
    ///
    /// # Errors
    /// The fault of the token, with the claim or check that failed.
    pub fn verify(&self, token: &str) -> Result<(String, Caller), TokenFault> {
        let now = SystemClock.now();
        if let Some(verified) = self.verified.get(token, now)
            && self.keys(&verified.issuer).is_some_and(|keys| Arc::ptr_eq(&keys, &verified.keys))
        {
            return Ok((verified.issuer, verified.caller));
        }
        let issuer =
            claimed_issuer(token).ok_or_else(|| TokenFault::NotSigned("form").logged(""))?;
        let keys =
            self.keys(&issuer).ok_or_else(|| TokenFault::NotSigned("issuer").logged(&issuer))?;
        let (caller, until) =
            self.check(token, &issuer, &keys, now).map_err(|fault| fault.logged(&issuer))?;
        self.verified.insert(
            token.to_owned(),
            Verified { issuer: issuer.clone(), caller: caller.clone(), keys },
            until,
        );
        Ok((issuer, caller))
    }

    fn check(
        &self,
        token: &str,
        issuer: &str,
        keys: &[DecodingKey],
        now: DateTime<Utc>,
    ) -> Result<(Caller, DateTime<Utc>), TokenFault> {
        header_of(token)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[&self.audience]);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY.num_seconds().unsigned_abs();
        let claims: Claims = claims_of(token, keys, &validation)?;
        if claims.exp > (now + LONGEST_INTERNAL).timestamp() {
            return Err(TokenFault::Claim("exp"));
        }
        let tenant = claims
            .tenant
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|_| TokenFault::Claim("tenant"))?;
        let caller = Caller {
            subject: claims.sub,
            roles: claims.roles,
            tenant,
            customer: claims.customer,
            run_id: claims.run_id,
        };
        Ok((caller, believed_until(claims.exp, now)))
    }
}

/// The keys of a `.pub` file.
fn public_keys(pem: &str) -> Result<Vec<DecodingKey>, String> {
    let blocks =
        pem.split_inclusive("-----END PUBLIC KEY-----").filter(|block| !block.trim().is_empty());
    let keys: Vec<_> = blocks
        .map(|block| DecodingKey::from_ed_pem(block.as_bytes()).map_err(|error| error.to_string()))
        .collect::<Result<_, _>>()?;
    if keys.is_empty() { Err("no key".to_owned()) } else { Ok(keys) }
}

/// Reads the issuer before the signature is checked. It is only used to choose the keys for that
/// check.
fn claimed_issuer(token: &str) -> Option<String> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    Some(serde_json::from_slice::<Issuer>(&payload).ok()?.iss)
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
