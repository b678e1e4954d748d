//! What credit does with the events of other services.

use crate::{
    store::{customers, known, purchases},
    use_cases::follow_invoice,
};
use futures::future::BoxFuture;
use payterms_chassis::{AppError, WriteTx, inbox::Consumers, names, render::instant_of, tenants};
use payterms_credit_domain::{
    Customer,
    purchase::{Buyer, TaxRule},
};
use payterms_kernel::{Id, money::parse_decimal};
use payterms_proto::{
    common::v1::Event,
    invoicing::v1::{CustomerChanged, InvoiceChanged, TenantChanged, invoice, tenant::State},
    plans::v1::{PlanChanged, plan},
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

fn tenant_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let tenant = TenantChanged::decode(event.data.clone())?.tenant.unwrap_or_default();
        tenants::register(tx.conn(), &tx.call().tenant, tenant.state() == State::Suspended, &tenant.time_zone).await?;
        let rule = |own: payterms_proto::invoicing::v1::TaxRule| {
            let rate_percent = own.rate_percent.as_ref().map(|rate| parse_decimal(&rate.value, 6)).transpose()?.unwrap_or_default();
            let (country, category, with_tax_id, sentence) = (own.country, own.category, own.with_tax_id, own.sentence);
            Ok::<_, AppError>(TaxRule { country, category, with_tax_id, rate_percent, sentence })
        };
        let rules = tenant.tax_rules.into_iter().map(rule).collect::<Result<Vec<_>, _>>()?;
        purchases::save_rules(tx.conn(), &tx.call().tenant, &rules).await
    })
}

fn customer_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let told = CustomerChanged::decode(event.data.clone())?.customer.unwrap_or_default();
        let id = names::uuid(&event.aggregate_id).ok_or_else(|| AppError::Fault(format!("customer {:?}", event.aggregate_id)))?;
        let profile = [
            (told.legal_name.is_empty(), "legal_name"),
            (told.billing_address.is_none(), "billing_address"),
            (told.billing_email.is_empty(), "billing_email"),
        ];
        let lacking = profile.into_iter().filter(|(lacks, _)| *lacks).map(|(_, name)| name.to_owned()).collect();
        let buyer = Buyer { country: told.country.clone(), has_tax_id: !told.tax_id.is_empty(), lacking };
        let customer = Customer { id: Id::from_uuid(id), country: told.country, tier: told.tier };
        customers::save(tx.conn(), &tx.call().tenant, (&customer, &buyer)).await
    })
}

fn invoice_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let told = InvoiceChanged::decode(event.data.clone())?.invoice.unwrap_or_default();
        // A draft is neither deferred nor in a plan.
        if told.state() == invoice::State::Draft {
            return Ok(());
        }
        follow_invoice::run(tx, &told, event.time.as_ref().and_then(instant_of)).await
    })
}

fn plan_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let told = PlanChanged::decode(event.data.clone())?.plan.unwrap_or_default();
        let name = names::parse(&told.name, &["customers", "plans"]).ok_or_else(|| AppError::Fault(format!("plan {:?}", told.name)))?;
        let (kept, breached) = (told.state() == plan::State::Completed, told.state() == plan::State::Breached);
        known::plan(tx.conn(), &tx.call().tenant, (name.id(1), Id::from_uuid(name.id(0))), (kept, breached)).await
    })
}
