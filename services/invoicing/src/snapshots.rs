//! The present state of what others hear from invoicing.

use crate::{
    metered_messages, render,
    store::{customers, metered, tenants},
};
use payterms_chassis::{
    WriteTx, names,
    snapshots::{Snapshots, States},
};
use payterms_kernel::Id;
use payterms_proto::invoicing::v1::{CustomerChanged, MeteredServiceChanged, TenantChanged};
use prost::Message;

/// All snapshots.
#[must_use]
pub fn all() -> Snapshots {
    Snapshots::default()
        .with::<TenantChanged>("tenant", tenants_of)
        .with::<CustomerChanged>("customer", customers_of)
        .with::<MeteredServiceChanged>("metered_service", services_of)
}

fn tenants_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let found = tenants::find_many(tx.conn(), ids).await?;
        let state = |tenant| TenantChanged { tenant: Some(render::tenant(tenant)) }.encode_to_vec();
        Ok(found.iter().map(|tenant| (tenant.id.to_string(), state(tenant))).collect())
    })
}

fn customers_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = customers::find_many(tx.conn(), tenant, &ids).await?;
        let state = |customer| CustomerChanged { customer: Some(render::customer(tenant, customer)) }.encode_to_vec();
        Ok(found.iter().map(|customer| (customer.id.to_string(), state(customer))).collect())
    })
}

fn services_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = metered::find_many(tx.conn(), tenant, &ids).await?;
        let state = |own| MeteredServiceChanged { metered_service: Some(metered_messages::rendered(tenant, own)) }.encode_to_vec();
        Ok(found.iter().map(|own| (own.id.to_string(), state(own))).collect())
    })
}
