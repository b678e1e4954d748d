//! Who makes a call: the token of an identity provider, or an API key.

use crate::{
    api_keys::ApiKeys,
    identity::KeySet,
    limits::{Limits, Standing},
};
use payterms_chassis::{
    access::AccessTable, api_key::is_api_key, bearer, call::Caller, peers::Peers,
};
use std::sync::{Arc, OnceLock};
use tonic::Status;

/// A caller whose token or key was checked. Calls with the same token share it while the check is
/// believed.
#[derive(Debug)]
pub struct Checked {
    /// The caller.
    pub caller: Caller,
    standing: OnceLock<Standing>,
}

impl Checked {
    /// A caller whose token or key was checked just now.
    #[must_use]
    pub fn new(caller: Caller) -> Self {
        Self { caller, standing: OnceLock::new() }
    }

    /// What the caller may use of this gateway.
    pub(crate) fn standing(&self, limits: &Limits) -> &Standing {
        self.standing.get_or_init(|| limits.standing_of(&self.caller))
    }
}

/// Checks what callers prove themselves with.
#[derive(Debug)]
pub struct Callers {
    tokens: Arc<KeySet>,
    keys: ApiKeys,
    access: Arc<AccessTable>,
}

impl Callers {
    /// Checks tokens with these keys, and asks invoicing about API keys.
    #[must_use]
    pub fn new(tokens: Arc<KeySet>, peers: Peers, access: Arc<AccessTable>) -> Self {
        Self { tokens, keys: ApiKeys::new(peers), access }
    }

    /// The caller of the method at `path`, by the token or key in the headers.
    ///
    /// # Errors
    /// UNAUTHENTICATED with `TOKEN_MISSING`, `TOKEN_EXPIRED` or `TOKEN_INVALID`;
    /// `API_KEY_NOT_ALLOWED`; UNAVAILABLE while it cannot be checked.
    pub async fn caller(
        &self,
        headers: &http::HeaderMap,
        path: &str,
    ) -> Result<Arc<Checked>, Box<Status>> {
        let token = bearer::token(headers)?;
        if is_api_key(token) {
            self.keys.caller(token, path, self.access.is_for_people(path)).await
        } else {
            self.tokens.caller(token).await
        }
    }
}
