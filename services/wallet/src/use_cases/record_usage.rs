//! Records uses, and lists them.

use super::hot::{Decided, Own, Rows};
use crate::{
    App,
    parse::WalletRef,
    parse_usage,
    store::{customers, metered as store, methods, usage},
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use payterms_chassis::{AppError, WriteTx, page::Page};
use payterms_kernel::{Id, calendar::day_in};
use payterms_proto::wallet::v1::{ListUsageRecordsResponse, RecordUsageResponse};
use payterms_wallet_domain::{
    Customer, MeteredService, Methods, Wallet, metered,
    usage::{self as domain, Use},
};
use prost::Message;
use std::collections::HashMap;

/// Records one use.
///
/// # Errors
/// Those of [`domain::record`].
pub fn decide(own: &mut Own<'_>, used: &Use, meters: &Meters) -> Result<Decided, AppError> {
    let record = match meters.terms(&own.wallet, used, own.now) {
        Some(terms) => metered::record(&mut own.wallet, own.ids, used.clone(), &terms, own.now)?,
        None => domain::record(&mut own.wallet, own.ids, used.clone(), own.now)?,
    };
    let answer = RecordUsageResponse { usage_record: Some(parse_usage::render(&own.name, &record)) };
    Ok(Decided { answer: answer.encode_to_vec(), rows: Rows::Use(record) })
}

/// The metered services that uses of one transaction may belong to, with what billing them needs.
#[derive(Debug, Default)]
pub struct Meters {
    services: Vec<MeteredService>,
    customers: HashMap<Id<Customer>, (Customer, Methods)>,
    zone: Tz,
}

impl Meters {
    /// Loads them.
    ///
    /// # Errors
    /// The database's.
    pub async fn load(tx: &WriteTx, uses: impl Iterator<Item = (Id<Customer>, &str)>) -> Result<Self, AppError> {
        let (mut owners, mut products): (Vec<_>, Vec<_>) = uses.unzip();
        owners.sort_unstable();
        owners.dedup();
        products.sort_unstable();
        products.dedup();
        let tenant = &tx.call().tenant;
        let services = store::of_products(tx.conn(), tenant, (owners, products)).await?;
        let mut known = HashMap::new();
        for service in &services {
            if !known.contains_key(&service.customer)
                && let Some(customer) = customers::find(tx.conn(), tenant, service.customer).await?
            {
                let methods = methods::of_customer(tx.conn(), tenant, service.customer).await?;
                known.insert(service.customer, (customer, methods));
            }
        }
        Ok(Self { services, customers: known, zone: tx.time().zone })
    }

    /// The terms of a use that is metered.
    fn terms(&self, wallet: &Wallet, used: &Use, now: DateTime<Utc>) -> Option<metered::Terms<'_>> {
        let own = |service: &&MeteredService| {
            service.customer == wallet.customer && service.currency == wallet.currency && service.product == used.product
        };
        let service = self.services.iter().find(own)?;
        let (customer, methods) = self.customers.get(&service.customer)?;
        let (today, used_on) = (day_in(self.zone, now), day_in(self.zone, used.used_at.unwrap_or(now)));
        Some(metered::Terms { service, customer, methods, today, used_on })
    }
}

/// A page of a wallet's records, newest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list(app: &App, named: &WalletRef, page: &Page, product: &str) -> Result<ListUsageRecordsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(i64::MAX);
    let conn = app.db.read(&named.tenant).await?;
    super::read::found(&conn, named).await?;
    let mut listed = usage::list(&conn, &named.tenant, named.wallet, (product, before), page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut listed, |record| record.sequence.to_string());
    let name = named.name();
    Ok(ListUsageRecordsResponse {
        usage_records: listed.iter().map(|record| parse_usage::render(&name, record)).collect(),
        next_page_token,
    })
}
