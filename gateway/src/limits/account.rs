//! One account: what one caller, one customer or one tenant uses.

use super::{
    answers::{self, Allowance},
    bucket::{Bucket, Left},
    places::Counts,
    rates::Rates,
};
use governor::clock::MonotonicClock;
use http::HeaderValue;
use payterms_chassis::telemetry::metrics;
use payterms_kernel::{Clock, SystemClock};
use std::sync::{
    PoisonError, RwLock,
    atomic::{AtomicI64, Ordering},
};
use tonic::Status;

/// Whose account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// The holder of an API key, or the subject of tokens.
    Caller,
    /// All who act for one customer.
    Customer,
    /// All callers of one tenant.
    Tenant,
}

impl Holder {
    pub(super) const ALL: [Self; 3] = [Self::Caller, Self::Customer, Self::Tenant];

    /// Its name in headers, metadata and metrics.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Customer => "customer",
            Self::Tenant => "tenant",
        }
    }
}

/// How long nothing more is logged of an account whose calls are refused.
const LOGGED_EVERY_SECONDS: i64 = 60;

/// What is used of one account.
#[derive(Debug)]
pub(super) struct Account {
    holder: Holder,
    tenant: String,
    /// What the log may say of it: the tenant, and what is no personal data of the caller.
    named: String,
    /// Written only when its rate changes.
    rated: RwLock<Rated>,
    pub under_way: Counts,
    logged_at: AtomicI64,
}

/// A rate, of this generation of all rates, and what is used of it.
#[derive(Debug)]
struct Rated {
    generation: u64,
    bucket: Bucket,
    policy: HeaderValue,
}

impl Rated {
    fn new(holder: Holder, tenant: &str, rates: &Rates) -> Self {
        // Read first: if the rates change meanwhile, the account looks again.
        let generation = rates.generation();
        let rate = rates.of(holder, tenant);
        Self {
            generation,
            bucket: Bucket::new(rate, MonotonicClock),
            policy: answers::policy(holder, rate),
        }
    }
}

impl Account {
    pub(super) fn new(holder: Holder, tenant: &str, named: String, rates: &Rates) -> Self {
        Self {
            holder,
            tenant: tenant.to_owned(),
            named,
            rated: RwLock::new(Rated::new(holder, tenant, rates)),
            under_way: Counts::default(),
            logged_at: AtomicI64::new(0),
        }
    }

    /// Takes a call from its rate.
    ///
    /// # Errors
    /// `RATE_LIMITED`.
    pub(super) fn take(&self, gateways: u32, rates: &Rates) -> Result<Left, Box<Status>> {
        let mut rated = self.rated.read().unwrap_or_else(PoisonError::into_inner);
        if rated.generation != rates.generation() {
            drop(rated);
            self.update(rates);
            rated = self.rated.read().unwrap_or_else(PoisonError::into_inner);
        }
        rated.bucket.take(gateways).map_err(|wait| {
            self.note_refusal("rate");
            Box::new(answers::rate_limited(
                self.holder,
                rated.bucket.rate(),
                rated.policy.clone(),
                wait,
            ))
        })
    }

    /// Takes over the rate that it has now. Another one begins with a whole burst; what is used of
    /// the same one stays.
    fn update(&self, rates: &Rates) {
        let newest = Rated::new(self.holder, &self.tenant, rates);
        let mut rated = self.rated.write().unwrap_or_else(PoisonError::into_inner);
        if rated.bucket.rate() == newest.bucket.rate() {
            rated.generation = newest.generation;
        } else {
            *rated = newest;
        }
    }

    /// What the headers of an answer say.
    pub(super) fn allowance(&self, left: Left) -> Allowance {
        let policy = self.rated.read().unwrap_or_else(PoisonError::into_inner).policy.clone();
        Allowance::new(self.holder, left, policy)
    }

    /// Counts a call that this account's limit refuses, and logs it now and then.
    pub(super) fn note_refusal(&self, limit: &'static str) {
        metrics::calls_limited(self.holder.name(), limit, 1);
        let now = SystemClock.now().timestamp();
        let is_due = |last: i64| (now.saturating_sub(last) >= LOGGED_EVERY_SECONDS).then_some(now);
        if self.logged_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_due).is_ok() {
            tracing::info!(
                holder = self.holder.name(),
                named = self.named,
                limit,
                "calls beyond a limit are refused"
            );
        }
    }
}
