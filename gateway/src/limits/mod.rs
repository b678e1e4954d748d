//! What callers, customers and tenants may use of the gateway: calls a second, and what is under way at once (decision 46).
//!
//! A call counts for its caller, for the customer that the caller acts for, and for the tenant. Their accounts are looked up once for each
//! token or key that is checked, and are atomic numbers from then on: a call allocates nothing for them and waits for nobody.
//!
//! Accounts of which nothing is under way are forgotten when there are too many, those first that were not used for longest. One that
//! comes back begins with a whole burst.

mod account;
mod answers;
mod bucket;
mod options;
mod places;
mod replicas;
mod standing;

pub use options::{HIGHEST_RATE, LimitOptions, Replicas};
pub use places::Kind;
pub(crate) use standing::SHORT_ANSWER;
pub use standing::{Standing, UnderWay, Unread};

use crate::api_keys;
use account::{Account, Holder};
use payterms_chassis::{call::Caller, telemetry::metrics};
use quick_cache::{DefaultHashBuilder, Lifecycle, UnitWeighter, sync::Cache};
use standing::{Accounts, Shared};
use std::{
    convert::Infallible,
    sync::{Arc, atomic::AtomicU32},
};
use tokio_util::sync::CancellationToken;

/// Callers, customers and tenants that are remembered each. An account takes a few hundred bytes.
const REMEMBERED: usize = 20_000;

/// An account that somebody uses is not forgotten: what is under way would not be counted any more.
#[derive(Debug, Clone)]
struct InUse;

impl Lifecycle<String, Arc<Account>> for InUse {
    type RequestState = ();

    fn is_pinned(&self, _: &String, account: &Arc<Account>) -> bool {
        Arc::strong_count(account) > 1
    }

    fn begin_request(&self) {}
}

type Cached = Cache<String, Arc<Account>, UnitWeighter, DefaultHashBuilder, InUse>;

/// The accounts of those who have called.
#[derive(Debug)]
pub struct Limits {
    options: LimitOptions,
    shared: Arc<Shared>,
    callers: Cached,
    customers: Cached,
    tenants: Cached,
}

impl Limits {
    /// Accounts of nobody yet.
    #[must_use]
    pub fn new(options: &LimitOptions) -> Self {
        Self::remembering(options, REMEMBERED)
    }

    fn remembering(options: &LimitOptions, most: usize) -> Self {
        let gateways = match &options.gateway_replicas {
            Replicas::Number(number) => number.get(),
            Replicas::AddressesOf(_) => 1,
        };
        let cache = || Cached::with(most, u64::try_from(most).unwrap_or(u64::MAX), UnitWeighter, DefaultHashBuilder::default(), InUse);
        Self {
            options: options.clone(),
            shared: Arc::new(Shared { gateways: AtomicU32::new(gateways), under_way: places::Counts::default() }),
            callers: cache(),
            customers: cache(),
            tenants: cache(),
        }
    }

    /// Counts the gateways from now on, where a name leads to them. Within a runtime.
    pub fn count_gateways(&self, stop: CancellationToken) {
        if let Replicas::AddressesOf(place) = &self.options.gateway_replicas {
            tokio::spawn(replicas::follow(place.clone(), self.shared.clone(), stop));
        }
    }

    /// What a caller may use.
    #[must_use]
    pub fn standing_of(&self, caller: &Caller) -> Standing {
        // Operators have no tenant, and share an account. No tenant has an empty name.
        let tenant = caller.tenant.as_ref().map(ToString::to_string).unwrap_or_default();
        let LimitOptions { caller_calls_per_second, customer_calls_per_second, tenant_calls_per_second, .. } = self.options;
        // A subject may be a person's address, which no log may show. That of an API key is an id.
        let logged = if caller.subject.starts_with(api_keys::SUBJECT) { caller.subject.as_str() } else { "" };
        let of_caller = || Account::new(Holder::Caller, format!("{tenant} {logged}"), caller_calls_per_second);
        let of_tenant = || Account::new(Holder::Tenant, tenant.clone(), tenant_calls_per_second);
        let customer = caller.customer.map(|customer| {
            let key = format!("{tenant} {customer}");
            found(&self.customers, &key, || Account::new(Holder::Customer, key.clone(), customer_calls_per_second))
        });
        Standing::new(Accounts {
            caller: found(&self.callers, &format!("{tenant} {}", caller.subject), of_caller),
            customer,
            tenant: found(&self.tenants, &tenant, of_tenant),
            shared: self.shared.clone(),
        })
    }

    /// Whether nothing is under way.
    #[cfg(test)]
    fn is_idle(&self) -> bool {
        let of_accounts =
            [&self.callers, &self.customers, &self.tenants].into_iter().flat_map(|cache| cache.iter().map(|(_, account)| account));
        Kind::ALL.iter().all(|kind| self.shared.under_way.get(*kind) == 0)
            && of_accounts.collect::<Vec<_>>().iter().all(|account| Kind::ALL.iter().all(|kind| account.under_way.get(*kind) == 0))
    }
}

/// The account of a key; there is one, whoever comes first.
fn found(accounts: &Cached, key: &str, new: impl FnOnce() -> Account) -> Arc<Account> {
    match accounts.get_or_insert_with(key, || Ok::<_, Infallible>(Arc::new(new()))) {
        Ok(account) => account,
        Err(never) => match never {},
    }
}

/// Shows every limit among the metrics, also those that nobody has reached.
pub(crate) fn show_in_metrics() {
    for holder in Holder::ALL {
        for limit in Kind::ALL.map(Kind::label).into_iter().chain(["rate"]) {
            metrics::calls_limited(holder.name(), limit, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, LimitOptions, Limits};
    use payterms_chassis::call::Caller;

    fn caller(number: usize) -> Caller {
        Caller { subject: number.to_string(), roles: Vec::new(), tenant: "acme".parse().ok(), customer: None, run_id: None }
    }

    #[test]
    fn memory_is_bounded_and_what_is_under_way_is_not_forgotten() {
        let limits = Limits::remembering(&LimitOptions::default(), 100);
        let held: Vec<_> = (0..50).map(|number| limits.standing_of(&caller(number)).begin(Kind::Calls, 640).ok()).collect();
        assert_eq!(held.iter().flatten().count(), 1, "the tenant has half of all");
        for number in 1_000..20_000 {
            drop(limits.standing_of(&caller(number)));
        }
        assert!(limits.callers.len() <= 100, "{}", limits.callers.len());
        assert!(limits.standing_of(&caller(0)).begin(Kind::Calls, 1).is_err(), "what is under way counts however many came since");
        drop(held);
        assert!(limits.is_idle());
    }

    #[test]
    fn a_caller_has_one_account_however_many_ask_for_it_at_once() {
        let limits = Limits::new(&LimitOptions { caller_calls_per_second: 1, ..LimitOptions::default() });
        let admitted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..16).map(|_| scope.spawn(|| (0..20).filter(|_| limits.standing_of(&caller(1)).take_call().is_ok()).count())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(admitted, 20);
    }
}
