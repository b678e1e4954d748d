//! Tokens: Ed25519 keys, the internal token that services accept, and its verification.

use crate::{call::Caller, kept::Kept};
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::{
    SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, spki::der::pem::LineEnding},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, errors::ErrorKind};
use payterms_kernel::{Clock, SystemClock};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc};

/// Seconds that an internal token lives.
const INTERNAL_SECONDS: i64 = 60;
/// How long one is used again: what is left of it then outlives the longest call.
const AGAIN: TimeDelta = TimeDelta::seconds(20);

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

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// Signature, issuer, audience, algorithm or form is not accepted.
    Invalid,
    /// Its time is over.
    Expired,
}

/// A private key that signs tokens in one name.
#[derive(Clone)]
pub struct Signer {
    name: String,
    key: EncodingKey,
    clock: Arc<dyn Clock>,
    made: Arc<Kept<(String, Caller), String>>,
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
        let path = folder.join(format!("{name}.key"));
        let pem = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let key = EncodingKey::from_ed_pem(pem.as_bytes()).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { name: name.to_owned(), key, clock, made: Arc::default() })
    }

    /// A token for one service, as `caller`, that lives a minute.
    ///
    /// # Errors
    /// A sentence if the key cannot sign.
    pub fn internal(&self, audience: &str, caller: &Caller) -> Result<String, String> {
        let (now, key) = (self.clock.now(), (audience.to_owned(), caller.clone()));
        if let Some(token) = self.made.get(&key, now) {
            return Ok(token);
        }
        let token = self.token(audience, caller, INTERNAL_SECONDS)?;
        self.made.keep(key, token.clone(), now + AGAIN);
        Ok(token)
    }

    /// A token that lives `seconds`.
    ///
    /// # Errors
    /// A sentence if the key cannot sign.
    pub fn token(&self, audience: &str, caller: &Caller, seconds: i64) -> Result<String, String> {
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
        let header = Header { kid: Some(self.name.clone()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &claims, &self.key).map_err(|error| error.to_string())
    }
}

/// How long a token that was verified is believed without looking again. Keys change with a new start alone.
pub const BELIEVED: TimeDelta = TimeDelta::seconds(60);

/// Until when a token is believed that runs out at `exp`, seconds of the epoch.
#[must_use]
pub fn believed_until(exp: i64, now: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(exp, 0).map_or(now, |exp| exp.min(now + BELIEVED))
}

/// The public keys of all who may sign, by issuer.
#[derive(Clone)]
pub struct Verifier {
    audience: String,
    keys: HashMap<String, DecodingKey>,
    verified: Arc<Kept<String, (String, Caller)>>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Verifier({})", self.audience)
    }
}

impl Verifier {
    /// Reads the public keys `<folder>/<issuer>.pub` of those who may call `audience`.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn read(folder: &Path, audience: &str, issuers: &[String]) -> Result<Self, String> {
        let mut keys = HashMap::new();
        for issuer in issuers {
            let path = folder.join(format!("{issuer}.pub"));
            let pem = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let key = DecodingKey::from_ed_pem(pem.as_bytes()).map_err(|error| format!("{}: {error}", path.display()))?;
            keys.insert(issuer.clone(), key);
        }
        Ok(Self { audience: audience.to_owned(), keys, verified: Arc::default() })
    }

    /// Checks signature, issuer, audience, algorithm and expiry, and answers who signed and who calls.
    ///
    /// # Errors
    /// `Expired`, or `Invalid` for everything else.
    pub fn verify(&self, token: &str) -> Result<(String, Caller), TokenFault> {
        let now = SystemClock.now();
        if let Some(known) = self.verified.get(token, now) {
            return Ok(known);
        }
        let issuer = self.claimed_issuer(token).ok_or(TokenFault::Invalid)?;
        let key = self.keys.get(&issuer).ok_or(TokenFault::Invalid)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[&self.audience]);
        validation.set_issuer(&[&issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        validation.leeway = 5;
        let claims = decode::<Claims>(token, key, &validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => TokenFault::Expired,
            _ => TokenFault::Invalid,
        })?;
        let tenant = claims.claims.tenant.as_deref().map(str::parse).transpose().map_err(|_| TokenFault::Invalid)?;
        let caller = Caller {
            subject: claims.claims.sub,
            roles: claims.claims.roles,
            tenant,
            customer: claims.claims.customer,
            run_id: claims.claims.run_id,
        };
        self.verified.keep(token.to_owned(), (issuer.clone(), caller.clone()), believed_until(claims.claims.exp, now));
        Ok((issuer, caller))
    }

    /// Reads the issuer without trust: it only chooses the key that must then fit.
    fn claimed_issuer(&self, token: &str) -> Option<String> {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        #[derive(Deserialize)]
        struct Issuer {
            iss: String,
        }
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let issuer = serde_json::from_slice::<Issuer>(&payload).ok()?.iss;
        self.keys.contains_key(&issuer).then_some(issuer)
    }
}

/// Makes a key pair `<name>.key` (mode 0600) and `<name>.pub` in `folder` unless it is there.
///
/// # Errors
/// A sentence that names the file.
pub fn ensure_key(folder: &Path, name: &str) -> Result<(), String> {
    let private = folder.join(format!("{name}.key"));
    let public = folder.join(format!("{name}.pub"));
    let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", private.display());
    fs::create_dir_all(folder).map_err(|error| fault(&error))?;
    let verifying = if private.exists() {
        let pem = fs::read_to_string(&private).map_err(|error| fault(&error))?;
        SigningKey::from_pkcs8_pem(&pem).map_err(|error| fault(&error))?.verifying_key()
    } else {
        let secret: [u8; 32] = rand::random();
        let key = SigningKey::from_bytes(&secret);
        let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|error| fault(&error))?;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&private).map_err(|error| fault(&error))?;
        file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| fault(&error))?;
        key.verifying_key()
    };
    let known = fs::read_to_string(&public).ok().and_then(|pem| VerifyingKey::from_public_key_pem(&pem).ok());
    if known != Some(verifying) {
        let pem = verifying.to_public_key_pem(LineEnding::LF).map_err(|error| fault(&error))?;
        fs::write(&public, pem).map_err(|error| fault(&error))?;
    }
    Ok(())
}

/// The public keys of `names` in `folder` as a JWKS document, for a gateway that accepts them.
///
/// # Errors
/// A sentence that names the file.
pub fn key_set(folder: &Path, names: &[&str]) -> Result<String, String> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let mut keys = Vec::new();
    for name in names {
        let path = folder.join(format!("{name}.pub"));
        let pem = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let key = VerifyingKey::from_public_key_pem(&pem).map_err(|error| format!("{}: {error}", path.display()))?;
        let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
        keys.push(serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": name, "x": x }));
    }
    Ok(serde_json::json!({ "keys": keys }).to_string())
}

#[cfg(test)]
mod tests {
    use super::{Signer, TokenFault, Verifier, ensure_key};
    use crate::call::Caller;
    use payterms_kernel::SystemClock;
    use std::sync::Arc;

    fn caller() -> Caller {
        Caller { subject: "ann".into(), roles: vec!["STAFF".into()], tenant: "acme".parse().ok(), customer: None, run_id: None }
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
        assert_eq!(verifier.verify(&tampered), Err(TokenFault::Invalid));
        assert_eq!(verifier.verify(&signer.internal("invoicing", &caller()).unwrap()), Err(TokenFault::Invalid));
        assert_eq!(verifier.verify(&signer.token("wallet", &caller(), -60).unwrap()), Err(TokenFault::Expired));
        let other = Signer::read(folder.path(), "other", Arc::new(SystemClock)).unwrap();
        assert_eq!(verifier.verify(&other.internal("wallet", &caller()).unwrap()), Err(TokenFault::Invalid));
        let none = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJnYXRld2F5IiwiYXVkIjoid2FsbGV0Iiwic3ViIjoieCIsImV4cCI6OTk5OTk5OTk5OX0.";
        assert_eq!(verifier.verify(none), Err(TokenFault::Invalid));
    }
}
