//! One account: what one caller, one customer or one tenant uses.

use super::{
    answers::{self, Allowance},
    bucket::{Bucket, Left},
    places::Counts,
};
use governor::clock::MonotonicClock;
use http::HeaderValue;
use payterms_chassis::telemetry::metrics;
use payterms_kernel::{Clock, SystemClock};
use std::sync::atomic::{AtomicI64, Ordering};
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
    /// What the log may say of it: the tenant, and what is no personal data of the caller.
    named: String,
    bucket: Bucket,
    policy: HeaderValue,
    pub under_way: Counts,
    logged_at: AtomicI64,
}

impl Account {
    pub(super) fn new(holder: Holder, named: String, calls_per_second: u32) -> Self {
        Self {
            holder,
            named,
            bucket: Bucket::new(calls_per_second, MonotonicClock),
            policy: answers::policy(holder, calls_per_second),
            under_way: Counts::default(),
            logged_at: AtomicI64::new(0),
        }
    }

    /// Takes a call from its rate.
    ///
    /// # Errors
    /// `RATE_LIMITED`.
    pub(super) fn take(&self, gateways: u32) -> Result<Left, Box<Status>> {
        self.bucket.take(gateways).map_err(|wait| {
            self.note_refusal("rate");
            Box::new(answers::rate_limited(self.holder, self.bucket.rate(), self.policy.clone(), wait))
        })
    }

    /// What the headers of an answer say.
    pub(super) fn allowance(&self, left: Left) -> Allowance {
        Allowance::new(self.holder, left, self.policy.clone())
    }

    /// Counts a call that this account's limit refuses, and logs it now and then.
    pub(super) fn note_refusal(&self, limit: &'static str) {
        metrics::calls_limited(self.holder.name(), limit, 1);
        let now = SystemClock.now().timestamp();
        let is_due = |last: i64| (now.saturating_sub(last) >= LOGGED_EVERY_SECONDS).then_some(now);
        if self.logged_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_due).is_ok() {
            tracing::info!(holder = self.holder.name(), named = self.named, limit, "calls beyond a limit are refused");
        }
    }
}
