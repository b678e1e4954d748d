//! What credit does with the events of other services.

use crate::{
    holder_name::name_key,
    messages::{invoicing, plans},
    store::{customers, payment_history, tax_rules},
    use_cases::lines::{evaluate, follow_invoice::follow_invoice},
};
use futures::future::BoxFuture;
use payterms_chassis::{AppError, WriteTx, inbox::Consumers, names, zones};
use payterms_credit_domain::Customer;
use payterms_kernel::Id;
use payterms_proto::{
    common::v1::Event,
    invoicing::v1::{CustomerChanged, InvoiceChanged, TenantChanged, invoice, tenant::State},
    plans::v1::PlanChanged,
};
use prost::Message;

/// All consumers.
#[must_use]
pub fn all() -> Consumers {
    Consumers::default()
        .with::<TenantChanged>(tenant_changed)
        .with::<CustomerChanged>(customer_changed)
        .with::<InvoiceChanged>(invoice_changed)
        .with::<PlanChanged>(plan_changed)
}

fn tenant_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let tenant = TenantChanged::decode(event.data.clone())?.tenant.unwrap_or_default();
        zones::register(
            tx,
            tenant.state() == State::Suspended,
            &tenant.time_zone,
            &[evaluate::JOB],
        )
        .await?;
        let rules =
            tenant.tax_rules.into_iter().map(invoicing::tax_rule).collect::<Result<Vec<_>, _>>()?;
        tax_rules::save(tx.conn(), &tx.call().tenant, &rules).await
    })
}

fn customer_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let message = CustomerChanged::decode(event.data.clone())?.customer.unwrap_or_default();
        let id = names::uuid(&event.aggregate_id)
            .ok_or_else(|| AppError::Fault(format!("customer {:?}", event.aggregate_id)))?;
        let buyer = invoicing::buyer(&message);
        let tenant = &tx.call().tenant;
        let key = name_key(tenant, &message.legal_name);
        let customer =
            Customer { id: Id::from_uuid(id), country: message.country, tier: message.tier };
        customers::save(tx.conn(), tenant, &customer, &buyer, key).await
    })
}

fn invoice_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let invoice = InvoiceChanged::decode(event.data.clone())?.invoice.unwrap_or_default();
        // A draft is neither deferred nor in a plan.
        if invoice.state() == invoice::State::Draft {
            return Ok(());
        }
        follow_invoice(tx, &invoicing::follow_invoice(&invoice)?).await
    })
}

fn plan_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let plan = PlanChanged::decode(event.data.clone())?.plan.unwrap_or_default();
        payment_history::save_plan(tx.conn(), &tx.call().tenant, &plans::standing(&plan)?).await
    })
}
