//! What the wallet does with the events of other services.

use futures::future::BoxFuture;
use payterms_chassis::{AppError, WriteTx, inbox::Consumers, tenants};
use payterms_proto::{
    common::v1::Event,
    invoicing::v1::{TenantChanged, tenant::State},
};
use prost::Message;

/// All consumers.
#[must_use]
pub fn all() -> Consumers {
    Consumers::default().with::<TenantChanged>(tenant_changed)
}

fn tenant_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let tenant = TenantChanged::decode(event.data.clone())?.tenant.unwrap_or_default();
        let suspended = tenant.state() == State::Suspended;
        Ok(tenants::register(tx.conn(), &tx.call().tenant, suspended, &tenant.time_zone).await?)
    })
}
