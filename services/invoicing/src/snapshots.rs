//! The present state of what others hear from invoicing.

use crate::{
    messages,
    store::{customers, invoices, metered, payments, tenants},
};
use payterms_chassis::{
    AppError, WriteTx, names,
    snapshots::{Snapshots, States},
    webhooks,
};
use payterms_kernel::Id;
use payterms_proto::common::peers::v1::WebhookTargetChanged;
use payterms_proto::invoicing::v1::{
    CustomerChanged, InvoiceChanged, MeteredServiceChanged, PaymentChanged, TenantChanged,
    UsageInvoiced,
};
use prost::Message;

/// All snapshots.
#[must_use]
pub fn all() -> Snapshots {
    Snapshots::default()
        .with::<TenantChanged>("tenant", tenants_of)
        .with::<CustomerChanged>("customer", customers_of)
        .with::<MeteredServiceChanged>("metered_service", services_of)
        .with::<InvoiceChanged>("invoice", invoices_of)
        .with::<PaymentChanged>("payment", payments_of)
        .with::<UsageInvoiced>("usage_invoice", usage_invoices_of)
        .with::<WebhookTargetChanged>("webhook_endpoint", webhooks::targets::states)
}

fn tenants_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let found = tenants::find_many(tx.conn(), ids).await?;
        let state = |tenant| {
            TenantChanged { tenant: Some(messages::tenants::tenant(tenant)) }.encode_to_vec()
        };
        Ok(found.iter().map(|tenant| (tenant.id.to_string(), state(tenant))).collect())
    })
}

fn customers_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = customers::find_many(tx.conn(), tenant, &ids).await?;
        let state = |customer| {
            CustomerChanged { customer: Some(messages::customers::customer(tenant, customer)) }
                .encode_to_vec()
        };
        Ok(found.iter().map(|customer| (customer.id.to_string(), state(customer))).collect())
    })
}

fn invoices_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let (tenant, today) = (&tx.call().tenant, tx.today());
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = invoices::find_many(tx.conn(), tenant, &ids).await?;
        let state = |invoice| {
            Ok::<_, AppError>(
                InvoiceChanged {
                    invoice: Some(messages::invoices::invoice(tenant, invoice, today)?),
                }
                .encode_to_vec(),
            )
        };
        found.iter().map(|invoice| Ok((invoice.id.to_string(), state(invoice)?))).collect()
    })
}

fn payments_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = payments::find_many(tx.conn(), tenant, &ids).await?;
        let state = |each| {
            PaymentChanged { payment: Some(messages::payments::payment(tenant, each)) }
                .encode_to_vec()
        };
        Ok(found.iter().map(|payment| (payment.id.to_string(), state(payment))).collect())
    })
}

fn usage_invoices_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = invoices::find_many(tx.conn(), tenant, &ids).await?;
        let state = |invoice| {
            messages::invoices::usage_invoiced(tenant, invoice).map(|event| event.encode_to_vec())
        };
        Ok(found
            .iter()
            .filter_map(|invoice| Some((invoice.id.to_string(), state(invoice)?)))
            .collect())
    })
}

fn services_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = metered::find_many(tx.conn(), tenant, &ids).await?;
        let state = |each| {
            MeteredServiceChanged {
                metered_service: Some(messages::metered_services::metered_service(tenant, each)),
            }
            .encode_to_vec()
        };
        Ok(found
            .iter()
            .map(|metered_service| (metered_service.id.to_string(), state(metered_service)))
            .collect())
    })
}
