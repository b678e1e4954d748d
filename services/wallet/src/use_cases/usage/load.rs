//! Loads the metered services that the uses of a batch may belong to.

use crate::store::{customers, metered as store, methods};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::{Id, calendar::day_in};
use payterms_wallet_domain::{
    Customer, MeteredService, Methods, Wallet, metered,
    usage::{Use, UseDays},
};
use std::collections::HashMap;

/// The metered services that uses of one transaction may belong to, with the data needed to check a
/// use.
#[derive(Debug, Default)]
pub struct Meters {
    services: Vec<MeteredService>,
    customers: HashMap<Id<Customer>, (Customer, Methods)>,
    zone: Tz,
}

impl Meters {
    /// Loads them.
    pub async fn load(
        tx: &WriteTx,
        used_products: impl Iterator<Item = (Id<Customer>, &str)>,
    ) -> Result<Self, AppError> {
        let (mut owners, mut products): (Vec<_>, Vec<_>) = used_products.unzip();
        owners.sort_unstable();
        owners.dedup();
        products.sort_unstable();
        products.dedup();
        let tenant = &tx.call().tenant;
        let services = store::of_products(tx.conn(), tenant, owners, &products).await?;
        let mut billing = HashMap::new();
        for service in &services {
            if !billing.contains_key(&service.customer)
                && let Some(customer) = customers::find(tx.conn(), tenant, service.customer).await?
            {
                let methods = methods::of_customer(tx.conn(), tenant, service.customer).await?;
                billing.insert(service.customer, (customer, methods));
            }
        }
        Ok(Self { services, customers: billing, zone: tx.time().zone })
    }

    /// The days of a use in the tenant's zone.
    pub(super) fn days(&self, used: &Use, now: DateTime<Utc>) -> UseDays {
        UseDays {
            used_on: day_in(self.zone, used.used_at.unwrap_or(now)),
            today: day_in(self.zone, now),
        }
    }

    /// The terms of a use that is metered.
    pub(super) fn terms(
        &self,
        wallet: &Wallet,
        used: &Use,
        now: DateTime<Utc>,
    ) -> Option<metered::Terms<'_>> {
        let covers = |service: &&MeteredService| {
            service.customer == wallet.customer
                && service.currency == wallet.currency
                && service.product == used.product
        };
        let service = self.services.iter().find(covers)?;
        let (customer, methods) = self.customers.get(&service.customer)?;
        let UseDays { used_on, today } = self.days(used, now);
        Some(metered::Terms { service, customer, methods, today, used_on })
    }
}
