//! The events of other services that the wallet subscribes to, each with its use case.

use crate::use_cases::{
    customers::follow::follow_customer, metered::follow::follow_metered_service,
    reversals::follow_invoice::follow_usage_invoice, settings::follow_tenant::follow_tenant,
};
use futures::future::BoxFuture;
use payterms_chassis::{AppError, WriteTx, inbox::Consumers, names};
use payterms_kernel::Id;
use payterms_proto::{
    common::v1::Event,
    invoicing::v1::{CustomerChanged, MeteredServiceChanged, TenantChanged, UsageInvoiced},
};
use prost::Message;

/// All consumers.
#[must_use]
pub fn all() -> Consumers {
    Consumers::default()
        .with::<TenantChanged>(tenant_changed)
        .with::<CustomerChanged>(customer_changed)
        .with::<MeteredServiceChanged>(service_changed)
        .with::<UsageInvoiced>(usage_invoiced)
}

fn tenant_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let tenant = TenantChanged::decode(event.data.clone())?.tenant.unwrap_or_default();
        follow_tenant(tx, &tenant).await
    })
}

fn customer_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let customer = CustomerChanged::decode(event.data.clone())?.customer.unwrap_or_default();
        let id = names::uuid(&event.aggregate_id)
            .ok_or_else(|| AppError::Fault(format!("customer {:?}", event.aggregate_id)))?;
        follow_customer(tx, Id::from_uuid(id), customer).await
    })
}

fn service_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let service =
            MeteredServiceChanged::decode(event.data.clone())?.metered_service.unwrap_or_default();
        follow_metered_service(tx, &service).await
    })
}

fn usage_invoiced<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(
        async move { follow_usage_invoice(tx, &UsageInvoiced::decode(event.data.clone())?).await },
    )
}
