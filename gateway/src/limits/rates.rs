//! How many calls a second each account has: as the gateway is configured, or as the register of
//! tenants says.

use super::{account::Holder, options::LimitOptions};
use std::{
    collections::{HashMap, HashSet},
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// Calls a second of the accounts of one tenant; none: as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct TenantRates {
    pub caller: Option<u32>,
    pub customer: Option<u32>,
    pub tenant: Option<u32>,
}

/// The rates of all accounts.
#[derive(Debug)]
pub(super) struct Rates {
    configured: TenantRates,
    /// By the tenants' slugs, those that have some.
    registered: RwLock<HashMap<String, TenantRates>>,
    /// Counts the changes of what is registered, so that an account sees at a glance whether it is
    /// up to date.
    generation: AtomicU64,
}

impl Rates {
    pub(super) fn new(options: &LimitOptions) -> Self {
        let configured = TenantRates {
            caller: Some(options.caller_calls_per_second),
            customer: Some(options.customer_calls_per_second),
            tenant: Some(options.tenant_calls_per_second),
        };
        Self { configured, registered: RwLock::default(), generation: AtomicU64::new(0) }
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The rate of an account.
    pub(super) fn of(&self, holder: Holder, tenant: &str) -> u32 {
        let tenant_rates = self
            .registered
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(tenant)
            .copied()
            .unwrap_or_default();
        let rate = |rates: TenantRates| match holder {
            Holder::Caller => rates.caller,
            Holder::Customer => rates.customer,
            Holder::Tenant => rates.tenant,
        };
        rate(tenant_rates).or(rate(self.configured)).unwrap_or(1).max(1)
    }

    /// Takes what the register says of these tenants, of which `found` have rates of their own.
    pub(super) fn register(&self, asked: &[String], found: &HashMap<String, TenantRates>) {
        let mut registered = self.registered.write().unwrap_or_else(PoisonError::into_inner);
        let mut has_changed = false;
        for tenant in asked {
            has_changed |= match found.get(tenant) {
                Some(tenant_rates) => {
                    registered.insert(tenant.clone(), *tenant_rates) != Some(*tenant_rates)
                }
                None => registered.remove(tenant).is_some(),
            };
        }
        if has_changed {
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// Forgets tenants that nobody calls for any more.
    pub(super) fn keep(&self, tenants: &[String]) {
        let called: HashSet<_> = tenants.iter().collect();
        self.registered
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|tenant, _| called.contains(tenant));
    }
}
