//! Callers' tokens: JWTs signed by a key of their issuer. Only the gateway checks them; the
//! services accept only the internal tokens that it issues.

mod claims;
mod fetched;
mod key_set;
mod refusals;
mod source;

pub use claims::ClaimsMap;
pub use source::{KeyAddressOptions, KeyOptions};

use crate::{api_keys::SUBJECT, callers::Checked};
use clap::Args;
use jsonwebtoken::Validation;
use key_set::Keys;
use payterms_chassis::{
    bearer,
    call::Caller,
    error::status,
    identity::{LEEWAY, TokenFault, believed_until, claims_of, header_of},
    ttl_cache::TtlCache,
};
use payterms_kernel::{Clock, Reason, SystemClock, text};
use refusals::RefusalLog;
use serde::Deserialize;
use serde_json::{Map, Value};
use source::Source;
use std::{path::PathBuf, sync::Arc};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

/// The audience that callers' tokens must name, unless another one is configured.
pub const AUDIENCE: &str = "payterms";

/// The most characters of a subject: the limit that `OpenID` Connect sets for `sub`.
const LONGEST_SUBJECT: usize = 255;

/// Requirements on callers' tokens.
#[derive(Debug, Clone, Args)]
pub struct TokenOptions {
    /// The `iss` that callers' tokens must have; without it any issuer whose key is in the JWKS is
    /// accepted.
    #[arg(long, env = "PAYTERMS_ISSUER")]
    pub issuer: Option<String>,
    /// The `aud` that callers' tokens must have, alone or among others.
    #[arg(long, env = "PAYTERMS_AUDIENCE", default_value = AUDIENCE)]
    pub audience: String,
    /// TOML file that says in which claims of callers' tokens tenant, customer and roles are;
    /// `tenant`, `customer` and `roles` if not given.
    #[arg(long, env = "PAYTERMS_CLAIMS")]
    pub claims: Option<PathBuf>,
    /// Seconds that a caller's token may live at most.
    #[arg(long, env = "PAYTERMS_LONGEST_TOKEN_SECONDS", default_value_t = LONGEST_TOKEN_SECONDS, value_parser = clap::value_parser!(i64).range(1..=31_536_000))]
    pub longest_token_seconds: i64,
}

/// A day, so that one sign-in lasts for a working day. It is limited because a token cannot be
/// revoked.
pub const LONGEST_TOKEN_SECONDS: i64 = 86_400;

impl Default for TokenOptions {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: AUDIENCE.to_owned(),
            claims: None,
            longest_token_seconds: LONGEST_TOKEN_SECONDS,
        }
    }
}

impl TokenOptions {
    /// Where tenant, customer and roles are in a token.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong in it.
    pub fn claims_map(&self) -> Result<ClaimsMap, String> {
        self.claims.as_deref().map_or_else(|| Ok(ClaimsMap::default()), ClaimsMap::read)
    }
}

#[derive(Debug, Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
    #[serde(default)]
    iat: Option<i64>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Checks callers' tokens with the public keys of their issuer.
#[derive(Debug)]
pub struct KeySet {
    source: Source,
    options: TokenOptions,
    claims: ClaimsMap,
    /// Callers by token, with the keys with which the token was checked: after a change of the keys
    /// it is checked again.
    verified: TtlCache<String, (Arc<Keys>, Arc<Checked>)>,
    refusals: RefusalLog,
}

impl KeySet {
    /// Reads the keys, now or in the background, and whenever they change. Where they are at an
    /// address, within a runtime.
    ///
    /// # Errors
    /// A sentence that names the file and the key, if a file cannot be read or holds no usable key.
    pub fn open(
        keys: &KeyOptions,
        options: TokenOptions,
        stop: CancellationToken,
    ) -> Result<Self, String> {
        let claims = options.claims_map()?;
        Ok(Self {
            source: Source::open(keys, stop)?,
            options,
            claims,
            verified: TtlCache::default(),
            refusals: RefusalLog::default(),
        })
    }

    /// Whether there are keys, or were once.
    #[must_use]
    pub fn had_keys(&self) -> bool {
        self.source.had_keys()
    }

    /// Waits until there are keys.
    pub async fn first_keys(&self) {
        self.source.first_keys().await;
    }

    /// What is wrong with the keys.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.source.fault()
    }

    /// The caller of a call, by its token.
    ///
    /// # Errors
    /// UNAUTHENTICATED with `TOKEN_EXPIRED` or `TOKEN_INVALID`; UNAVAILABLE while there are no
    /// keys.
    pub async fn caller(&self, token: &str) -> Result<Arc<Checked>, Box<Status>> {
        let verified = match self.verify(token) {
            Err(fault @ TokenFault::NotSigned(UNKNOWN_KEY)) => match self.source.keys() {
                // Its key may have been published a moment ago.
                Some(keys) if Box::pin(self.source.newer_than(&keys)).await.is_some() => {
                    self.verify(token)
                }
                _ => Err(fault),
            },
            verified => verified,
        };
        let known = verified.map_err(|fault| {
            self.refusals.note(fault, SystemClock.now().timestamp());
            bearer::refused(fault)
        })?;
        self.acts_for_somebody(&known.caller)?;
        Ok(known)
    }

    /// Whether a caller acts for a tenant, or is an OPERATOR, who needs none. Anybody else would be
    /// told of each resource that there is none, which says nothing of the token.
    fn acts_for_somebody(&self, caller: &Caller) -> Result<(), Box<Status>> {
        if caller.tenant.is_some() || caller.has("OPERATOR") {
            return Ok(());
        }
        let claim = self.claims.tenant_claim();
        if let Some(refused) = self.refusals.due("no tenant", SystemClock.now().timestamp()) {
            tracing::warn!(
                claim,
                refused,
                "signed tokens without a tenant are refused; see PAYTERMS_CLAIMS if they have it in another claim"
            );
        }
        let text = format!(
            "The token names no tenant: the claim {claim} is missing. Only an OPERATOR's may. Have its issuer add the claim."
        );
        Err(Box::new(status(Code::Unauthenticated, Reason::TOKEN_INVALID, &text)))
    }

    /// Checks signature, algorithm, audience, issuer, lifetime and subject with the keys that are
    /// there, and answers the caller.
    ///
    /// # Errors
    /// The fault of the token.
    pub fn verify(&self, token: &str) -> Result<Arc<Checked>, TokenFault> {
        let now = SystemClock.now();
        let keys = self.source.keys().ok_or(TokenFault::NoKeys)?;
        if let Some((checked_with, known)) = self.verified.get(token, now)
            && Arc::ptr_eq(&checked_with, &keys)
        {
            return Ok(known);
        }
        let claims = self.check(token, &keys, now.timestamp())?;
        let standing = self.claims.standing(&claims.others)?;
        let caller = Caller {
            subject: claims.sub,
            roles: standing.roles,
            tenant: standing.tenant,
            customer: standing.customer,
            run_id: None,
        };
        let known = Arc::new(Checked::new(caller));
        self.verified.insert(
            token.to_owned(),
            (keys, known.clone()),
            believed_until(claims.exp, now),
        );
        Ok(known)
    }

    fn check(&self, token: &str, keys: &Keys, now: i64) -> Result<Claims, TokenFault> {
        let header = header_of(token)?;
        let (algorithm, key) =
            header.kid.and_then(|kid| keys.get(&kid)).ok_or(TokenFault::NotSigned(UNKNOWN_KEY))?;
        // The algorithm is that of the key. One named by the token could be chosen by an attacker.
        let mut validation = Validation::new(*algorithm);
        validation.set_audience(&[&self.options.audience]);
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
        // A token without `iat` counts as issued now, so it may live for the longest lifetime from
        // now on at most.
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

/// The fault of a token that names no key, or one that is not in the set.
const UNKNOWN_KEY: &str = "kid";

/// Whether a subject must not be stored and shown in audit rows and logs: it is empty, too long,
/// has control characters, or looks like a card number. An id is never refused, though its digits
/// may look like a card number.
fn is_hostile(subject: &str) -> bool {
    if uuid::Uuid::try_parse(subject).is_ok() {
        return false;
    }
    let is_control = |c: char| {
        c.is_control()
            || matches!(
                text::check(c.encode_utf8(&mut [0; 4]), 1),
                Err(text::TextFault::InvalidChars)
            )
    };
    subject.trim().is_empty()
        // Nobody is an API key but by one.
        || subject.starts_with(SUBJECT)
        || subject.chars().count() > LONGEST_SUBJECT
        || subject.chars().any(is_control)
        || text::is_card_number(subject)
}

#[cfg(test)]
mod tests;
