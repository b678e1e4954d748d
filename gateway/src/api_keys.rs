//! API keys: whose one is, says invoicing. It is asked by the hash of the secret, and believed for
//! a while; no other service sees a key.
//!
//! Anybody can send texts that look like keys. Those without a right checksum are refused here; the
//! others are asked about, but only so many in a second, and a refused one not again for a while.
//! Keys that were good a while ago are asked about in any case, so a flood of wrong keys does not
//! keep them out.

use crate::callers::Checked;
use chrono::{DateTime, TimeDelta, Utc};
use payterms_chassis::{
    access::{PEER, ROLES},
    api_key::{self, SecretHash},
    bearer,
    call::Caller,
    error::{not_yet, refused},
    identity::TokenFault,
    peers::Peers,
    ttl_cache::TtlCache,
};
use payterms_kernel::{Clock, Kind, Reason, Refusal, SystemClock, TenantId};
use payterms_proto::invoicing::peers::v1::{
    ResolveApiKeyRequest, ResolvedApiKey, api_key_lookup_service_client::ApiKeyLookupServiceClient,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Semaphore, time::timeout};
use tonic::Status;
use uuid::Uuid;

/// How long an answer about a key is believed: a revoked key ends within this time.
pub(crate) const BELIEVED: TimeDelta = TimeDelta::seconds(30);
/// How long a refused key is refused without another question.
const REFUSED: TimeDelta = TimeDelta::seconds(10);
/// How long a key that was good is asked about before unknown ones.
const KNOWN: TimeDelta = TimeDelta::hours(1);
/// Questions about unknown keys in a second.
const UNKNOWN_IN_A_SECOND: u32 = 50;
/// Questions at once.
const AT_ONCE: usize = 32;
/// Keys that are remembered, good ones and refused ones each.
const REMEMBERED: usize = 10_000;
/// How long one question may take, the wait for its turn included.
const BUDGET: Duration = Duration::from_secs(5);
/// What stands before the id of a key in the subject of its calls, and so in audit rows.
pub(crate) const SUBJECT: &str = "api-key:";

/// What the holder of a key may do.
#[derive(Debug)]
struct Resolved {
    known: Arc<Checked>,
    methods: Vec<String>,
    /// When its secret ends.
    ends_at: Option<DateTime<Utc>>,
}

/// Asks invoicing whose keys are.
#[derive(Debug)]
pub(crate) struct ApiKeys {
    peers: Peers,
    good: TtlCache<SecretHash, Arc<Resolved>>,
    refused: TtlCache<SecretHash, ()>,
    known: TtlCache<SecretHash, ()>,
    questions: Semaphore,
    unknown: Mutex<Questions>,
}

/// Questions about unknown keys in this second.
#[derive(Debug, Default)]
struct Questions {
    second: i64,
    count: u32,
}

impl Questions {
    /// Counts one more, if it may be asked.
    fn admits(&mut self, second: i64) -> bool {
        if self.second != second {
            *self = Self { second, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= UNKNOWN_IN_A_SECOND
    }
}

impl ApiKeys {
    pub(crate) fn new(peers: Peers) -> Self {
        let cache = || TtlCache::with_capacity(REMEMBERED);
        Self {
            peers,
            good: TtlCache::with_capacity(REMEMBERED),
            refused: cache(),
            known: cache(),
            questions: Semaphore::new(AT_ONCE),
            unknown: Mutex::default(),
        }
    }

    /// The caller of a method by a key.
    ///
    /// # Errors
    /// `TOKEN_INVALID`, `TOKEN_EXPIRED`, `API_KEY_NOT_ALLOWED`; OVERLOADED and UNAVAILABLE where
    /// the key could not be looked up.
    pub(crate) async fn caller(
        &self,
        key: &str,
        path: &str,
        is_for_people: bool,
    ) -> Result<Arc<Checked>, Box<Status>> {
        let hash = api_key::hash_of(key)
            .ok_or_else(|| bearer::refused(TokenFault::NotSigned("API key")))?;
        let resolved = self.resolved(hash).await?;
        if resolved.ends_at.is_some_and(|end| end <= SystemClock.now()) {
            return Err(bearer::refused(TokenFault::Expired));
        }
        let method = path.trim_start_matches('/');
        if is_for_people || !api_key::may_call(&resolved.methods, method) {
            return Err(Box::new(not_allowed(method, is_for_people)));
        }
        Ok(resolved.known.clone())
    }

    async fn resolved(&self, hash: SecretHash) -> Result<Arc<Resolved>, Box<Status>> {
        if let Some(found) = self.remembered(&hash) {
            return found;
        }
        let now = SystemClock.now();
        let is_known = self.known.get(&hash, now).is_some();
        if !is_known
            && !self.unknown.lock().unwrap_or_else(PoisonError::into_inner).admits(now.timestamp())
        {
            let message = "Too many API keys that nobody knows are sent. Retry after the delay.";
            return Err(Box::new(refused(Refusal::new(
                Kind::Exhausted,
                Reason::OVERLOADED,
                message,
            ))));
        }
        // Boxed, since it is rare and its state is larger than that of all else.
        Box::pin(timeout(BUDGET, self.ask(hash)))
            .await
            .unwrap_or_else(|_| Err(Box::new(unavailable())))
    }

    /// What was answered about a key a while ago.
    fn remembered(&self, hash: &SecretHash) -> Option<Result<Arc<Resolved>, Box<Status>>> {
        let now = SystemClock.now();
        let refused = || {
            self.refused
                .get(hash, now)
                .map(|()| Err(bearer::refused(TokenFault::NotSigned("API key"))))
        };
        self.good.get(hash, now).map(Ok).or_else(refused)
    }

    async fn ask(&self, hash: SecretHash) -> Result<Arc<Resolved>, Box<Status>> {
        let _turn = self.questions.acquire().await.map_err(|_| Box::new(unavailable()))?;
        // Another call with the same key may have asked meanwhile.
        if let Some(found) = self.remembered(&hash) {
            return found;
        }
        let asked = SystemClock.now();
        let gateway = Caller {
            subject: "service:gateway".to_owned(),
            roles: vec![PEER.to_owned()],
            tenant: None,
            customer: None,
            run_id: None,
        };
        let question = ResolveApiKeyRequest { secret_hash: hash.to_vec().into() };
        let request = self
            .peers
            .request("invoicing", &gateway, question, BUDGET)
            .map_err(|error| Box::new(error.into()))?;
        let channel = self.peers.channel("invoicing").map_err(|error| Box::new(error.into()))?;
        let answer = ApiKeyLookupServiceClient::new(channel).resolve_api_key(request).await;
        let answer = answer.map_err(|status| {
            tracing::warn!(code = ?status.code(), message = status.message(), "invoicing does not say whose an API key is");
            Box::new(unavailable())
        })?;
        let Some(resolved) = answer.into_inner().api_key.and_then(resolved) else {
            self.refused.insert(hash, (), asked + REFUSED);
            return Err(bearer::refused(TokenFault::NotSigned("API key")));
        };
        let resolved = Arc::new(resolved);
        self.good.insert(hash, resolved.clone(), asked + BELIEVED);
        self.known.insert(hash, (), asked + KNOWN);
        Ok(resolved)
    }
}

/// What invoicing says about a key; none where it is not understood.
fn resolved(key: ResolvedApiKey) -> Option<Resolved> {
    let tenant: TenantId = key.tenant.parse().ok()?;
    let customer =
        if key.customer.is_empty() { None } else { Some(Uuid::try_parse(&key.customer).ok()?) };
    // An operator is a person.
    let roles = key
        .roles
        .into_iter()
        .filter(|role| ROLES.contains(&role.as_str()) && role != "OPERATOR")
        .collect();
    let ends_at = match key.expire_time {
        Some(end) => Some(DateTime::from_timestamp(end.seconds, u32::try_from(end.nanos).ok()?)?),
        None => None,
    };
    let caller = Caller {
        subject: format!("{SUBJECT}{}", key.id),
        roles,
        tenant: Some(tenant),
        customer,
        run_id: None,
    };
    Some(Resolved { known: Arc::new(Checked::new(caller)), methods: key.methods, ends_at })
}

fn unavailable() -> Status {
    not_yet(Reason::UNAVAILABLE, "API keys cannot be checked for now. Retry after the delay.")
        .into()
}

fn not_allowed(method: &str, is_for_people: bool) -> Status {
    let message = if is_for_people {
        format!("Only people call {method}, and no API key. Use the token of a person.")
    } else {
        format!(
            "{method} is not among the methods of this API key. Use another key, or create one with it."
        )
    };
    refused(Refusal::new(Kind::Denied, Reason::API_KEY_NOT_ALLOWED, message).with("method", method))
}

#[cfg(test)]
mod tests {
    use super::{Questions, UNKNOWN_IN_A_SECOND, resolved};
    use payterms_proto::invoicing::peers::v1::ResolvedApiKey;

    #[test]
    fn only_so_many_unknown_keys_are_asked_about_in_a_second() {
        let mut questions = Questions::default();
        let admitted = (0..1_000).filter(|_| questions.admits(7)).count();
        assert_eq!(admitted, UNKNOWN_IN_A_SECOND as usize);
        assert!(questions.admits(8), "the next second");
    }

    #[test]
    fn nobody_is_an_operator_or_a_service_by_a_key() {
        let roles = ["OPERATOR", "PEER", "STAFF", "BOSS"].map(str::to_owned).to_vec();
        let key = ResolvedApiKey {
            id: "1".into(),
            tenant: "acme".into(),
            roles,
            ..ResolvedApiKey::default()
        };
        let found = resolved(key.clone()).unwrap();
        let caller = &found.known.caller;
        assert_eq!(
            (caller.roles.as_slice(), caller.subject.as_str()),
            (&["STAFF".to_owned()][..], "api-key:1")
        );
        for wrong in [
            ResolvedApiKey { tenant: String::new(), ..key.clone() },
            ResolvedApiKey { customer: "none".into(), ..key.clone() },
            ResolvedApiKey {
                expire_time: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
                ..key
            },
        ] {
            assert!(resolved(wrong).is_none(), "what is not understood is no key");
        }
    }
}
