//! What the wallet does with the events of other services.

use crate::{
    store::{customers, settings},
    use_cases::{metered::follow::follow_metered_service, settings::save::publish_settings},
};
use futures::future::BoxFuture;
use payterms_chassis::{AppError, WriteTx, inbox::Consumers, names, tenants};
use payterms_kernel::{Id, money::parse_decimal};
use payterms_proto::{
    common::v1::Event,
    invoicing::v1::{CustomerChanged, MeteredServiceChanged, TenantChanged, tenant::State},
};
use payterms_wallet_domain::{Customer, customer::Tax};
use prost::Message;

/// All consumers.
#[must_use]
pub fn all() -> Consumers {
    Consumers::default()
        .with::<TenantChanged>(tenant_changed)
        .with::<CustomerChanged>(customer_changed)
        .with::<MeteredServiceChanged>(service_changed)
}

fn tenant_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let tenant = TenantChanged::decode(event.data.clone())?.tenant.unwrap_or_default();
        let suspended = tenant.state() == State::Suspended;
        tenants::register(tx.conn(), &tx.call().tenant, suspended, &tenant.time_zone).await?;
        let mut settings = settings::lock(tx.conn(), &tx.call().tenant).await?;
        if settings.invoices_hidden != tenant.invoices_hidden {
            settings.invoices_hidden = tenant.invoices_hidden;
            publish_settings(tx, &mut settings).await?;
        }
        Ok(())
    })
}

fn customer_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let message = CustomerChanged::decode(event.data.clone())?.customer.unwrap_or_default();
        let id = names::uuid(&event.aggregate_id).ok_or_else(|| AppError::Fault(format!("customer {:?}", event.aggregate_id)))?;
        let tax = message.tax_treatment.as_ref().map(|tax| {
            let rate = tax.rate_percent.as_ref().map(|rate| parse_decimal(&rate.value, 6)).transpose()?.unwrap_or_default();
            Ok::<_, AppError>(Tax { rate_percent: rate, sentence: tax.sentence.clone(), version: tax.version })
        });
        let customer = Customer {
            id: Id::from_uuid(id),
            country: message.country,
            tier: message.tier,
            has_legal_name: !message.legal_name.is_empty(),
            has_billing_address: message.billing_address.is_some(),
            has_billing_email: !message.billing_email.is_empty(),
            tax: tax.transpose()?,
        };
        customers::save(tx.conn(), &tx.call().tenant, &customer).await
    })
}

fn service_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let service = MeteredServiceChanged::decode(event.data.clone())?.metered_service.unwrap_or_default();
        follow_metered_service(tx, &service).await
    })
}
