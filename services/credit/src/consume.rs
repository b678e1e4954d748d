//! What credit does with the events of other services.

use crate::{
    store::{customers, payment_history, tax_rules},
    use_cases::lines::follow_invoice::follow_invoice,
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
    invoicing::v1::{CustomerChanged, InvoiceChanged, TaxRule as TaxRuleMessage, TenantChanged, invoice, tenant::State},
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
        let rule = |message: TaxRuleMessage| {
            let rate_percent = message.rate_percent.as_ref().map(|rate| parse_decimal(&rate.value, 6)).transpose()?.unwrap_or_default();
            let (country, category, with_tax_id, sentence) = (message.country, message.category, message.with_tax_id, message.sentence);
            Ok::<_, AppError>(TaxRule { country, category, with_tax_id, rate_percent, sentence })
        };
        let rules = tenant.tax_rules.into_iter().map(rule).collect::<Result<Vec<_>, _>>()?;
        tax_rules::save(tx.conn(), &tx.call().tenant, &rules).await
    })
}

fn customer_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let message = CustomerChanged::decode(event.data.clone())?.customer.unwrap_or_default();
        let id = names::uuid(&event.aggregate_id).ok_or_else(|| AppError::Fault(format!("customer {:?}", event.aggregate_id)))?;
        let profile = [
            (message.legal_name.is_empty(), "legal_name"),
            (message.billing_address.is_none(), "billing_address"),
            (message.billing_email.is_empty(), "billing_email"),
        ];
        let lacking = profile.into_iter().filter(|(lacks, _)| *lacks).map(|(_, name)| name.to_owned()).collect();
        let buyer = Buyer { country: message.country.clone(), has_tax_id: !message.tax_id.is_empty(), lacking };
        let customer = Customer { id: Id::from_uuid(id), country: message.country, tier: message.tier };
        customers::save(tx.conn(), &tx.call().tenant, (&customer, &buyer)).await
    })
}

fn invoice_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let invoice = InvoiceChanged::decode(event.data.clone())?.invoice.unwrap_or_default();
        // A draft is neither deferred nor in a plan.
        if invoice.state() == invoice::State::Draft {
            return Ok(());
        }
        follow_invoice(tx, &invoice, event.time.as_ref().and_then(instant_of)).await
    })
}

fn plan_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let plan = PlanChanged::decode(event.data.clone())?.plan.unwrap_or_default();
        let name = names::parse(&plan.name, &["customers", "plans"]).ok_or_else(|| AppError::Fault(format!("plan {:?}", plan.name)))?;
        let (completed, breached) = (plan.state() == plan::State::Completed, plan.state() == plan::State::Breached);
        payment_history::save_plan(tx.conn(), &tx.call().tenant, (name.id(1), Id::from_uuid(name.id(0))), (completed, breached)).await
    })
}
