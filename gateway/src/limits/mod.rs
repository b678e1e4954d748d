//! What callers, customers and tenants may use of the gateway: calls a second, and what is under
//! way at once (decision 46).
//!
//! A call counts for its caller, for the customer that the caller acts for, and for the tenant.
//! Their accounts are looked up once for each token or key that is checked, and are atomic numbers
//! from then on: a call allocates nothing for them and waits for nobody.
//!
//! Accounts of which nothing is under way are forgotten when there are too many, those first that
//! were not used for longest. One that comes back begins with a whole burst.

mod account;
mod answers;
mod bucket;
mod options;
mod places;
mod rates;
mod register;
mod replicas;
mod standing;

pub use options::{HIGHEST_RATE, LimitOptions, Replicas};
pub use places::Kind;
pub(crate) use standing::SHORT_ANSWER;
pub use standing::{Standing, UnderWay, Unread};

use crate::api_keys;
use account::{Account, Holder};
use payterms_chassis::{call::Caller, peers::Peers, telemetry::metrics};
use quick_cache::{DefaultHashBuilder, Lifecycle, UnitWeighter, sync::Cache};
use rates::Rates;
use standing::{Accounts, Shared};
use std::{
    convert::Infallible,
    sync::{Arc, atomic::AtomicU32},
};
use tokio::sync::Notify;
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
    replicas: Replicas,
    shared: Arc<Shared>,
    /// Wakes who asks the register for a tenant's rates.
    a_tenant_came: Notify,
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
        let cache = || {
            Cached::with(
                most,
                u64::try_from(most).unwrap_or(u64::MAX),
                UnitWeighter,
                DefaultHashBuilder::default(),
                InUse,
            )
        };
        Self {
            replicas: options.gateway_replicas.clone(),
            shared: Arc::new(Shared {
                gateways: AtomicU32::new(gateways),
                rates: Rates::new(options),
                under_way: places::Counts::default(),
            }),
            a_tenant_came: Notify::new(),
            callers: cache(),
            customers: cache(),
            tenants: cache(),
        }
    }

    /// Counts the gateways from now on, where a name leads to them, and follows the register of
    /// tenants. Within a runtime.
    pub fn follow(self: &Arc<Self>, peers: Peers, stop: CancellationToken) {
        if let Replicas::AddressesOf(place) = &self.replicas {
            tokio::spawn(replicas::follow(place.clone(), self.shared.clone(), stop.clone()));
        }
        tokio::spawn(register::follow(self.clone(), peers, stop));
    }

    /// The slugs of the tenants that have called and are remembered.
    fn tenants_that_call(&self) -> Vec<String> {
        self.tenants.iter().map(|(tenant, _)| tenant).filter(|tenant| !tenant.is_empty()).collect()
    }

    /// What a caller may use.
    #[must_use]
    pub fn standing_of(&self, caller: &Caller) -> Standing {
        // Operators have no tenant, and share an account. No tenant has an empty name.
        let tenant = caller.tenant.as_ref().map(ToString::to_string).unwrap_or_default();
        let rates = &self.shared.rates;
        // A subject may be a person's address, which no log may show. That of an API key is an id.
        let logged = if caller.subject.starts_with(api_keys::SUBJECT) {
            caller.subject.as_str()
        } else {
            ""
        };
        let of_caller =
            || Account::new(Holder::Caller, &tenant, format!("{tenant} {logged}"), rates);
        let of_tenant = || {
            self.a_tenant_came.notify_one();
            Account::new(Holder::Tenant, &tenant, tenant.clone(), rates)
        };
        let customer = caller.customer.map(|customer| {
            let key = format!("{tenant} {customer}");
            found(&self.customers, &key, || {
                Account::new(Holder::Customer, &tenant, key.clone(), rates)
            })
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
        let of_accounts = [&self.callers, &self.customers, &self.tenants]
            .into_iter()
            .flat_map(|cache| cache.iter().map(|(_, account)| account));
        Kind::ALL.iter().all(|kind| self.shared.under_way.get(*kind) == 0)
            && of_accounts
                .collect::<Vec<_>>()
                .iter()
                .all(|account| Kind::ALL.iter().all(|kind| account.under_way.get(*kind) == 0))
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
    use super::{Kind, LimitOptions, Limits, rates::TenantRates};
    use payterms_chassis::call::Caller;

    fn caller(number: usize) -> Caller {
        Caller {
            subject: number.to_string(),
            roles: Vec::new(),
            tenant: "acme".parse().ok(),
            customer: None,
            run_id: None,
        }
    }

    #[test]
    fn memory_is_bounded_and_what_is_under_way_is_not_forgotten() {
        let limits = Limits::remembering(&LimitOptions::default(), 100);
        let held: Vec<_> = (0..50)
            .map(|number| limits.standing_of(&caller(number)).begin(Kind::Calls, 640).ok())
            .collect();
        assert_eq!(held.iter().flatten().count(), 1, "the tenant has half of all");
        for number in 1_000..20_000 {
            drop(limits.standing_of(&caller(number)));
        }
        assert!(limits.callers.len() <= 100, "{}", limits.callers.len());
        assert!(
            limits.standing_of(&caller(0)).begin(Kind::Calls, 1).is_err(),
            "what is under way counts however many came since"
        );
        drop(held);
        assert!(limits.is_idle());
    }

    #[test]
    fn a_tenant_may_have_rates_of_its_own_and_lose_them_again() {
        let limits =
            Limits::new(&LimitOptions { caller_calls_per_second: 1, ..LimitOptions::default() });
        let (acme, register) = ("acme".to_owned(), &limits.shared.rates);
        let admitted = |number| {
            (0..100).filter(|_| limits.standing_of(&caller(number)).take_call().is_ok()).count()
        };
        let (early, before) = (limits.standing_of(&caller(1)), admitted(1));
        assert!((20..=21).contains(&before));
        register.register(
            std::slice::from_ref(&acme),
            &[(acme.clone(), TenantRates { caller: Some(40), ..TenantRates::default() })].into(),
        );
        assert!(early.take_call().is_ok(), "known callers have it too");
        assert!((80..=100).contains(&admitted(2)));
        let generation = register.generation();
        register.register(
            std::slice::from_ref(&acme),
            &[(acme.clone(), TenantRates { caller: Some(40), ..TenantRates::default() })].into(),
        );
        assert_eq!(register.generation(), generation, "nothing has changed");
        register.register(
            &[acme, "globex".to_owned()],
            &[("globex".to_owned(), TenantRates { tenant: Some(1), ..TenantRates::default() })]
                .into(),
        );
        assert!(
            (20..=21).contains(&admitted(3)),
            "the configured rates hold again, and another tenant's do not count"
        );
    }

    #[test]
    fn a_caller_has_one_account_however_many_ask_for_it_at_once() {
        let limits =
            Limits::new(&LimitOptions { caller_calls_per_second: 1, ..LimitOptions::default() });
        let admitted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|_| {
                    scope.spawn(|| {
                        (0..20)
                            .filter(|_| limits.standing_of(&caller(1)).take_call().is_ok())
                            .count()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(admitted, 20);
    }
}
