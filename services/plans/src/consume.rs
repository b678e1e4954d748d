//! The consumers of other services' events.

use crate::use_cases::plans::{collect::follow_payment, follow_invoice::follow_invoice};
use futures::future::BoxFuture;
use payterms_chassis::{AppError, WriteTx, inbox::Consumers, tenants};
use payterms_proto::{
    common::v1::Event,
    invoicing::v1::{InvoiceChanged, PaymentChanged, TenantChanged, invoice, tenant::State},
};
use prost::Message;

/// All consumers.
#[must_use]
pub fn all() -> Consumers {
    Consumers::default()
        .with::<TenantChanged>(tenant_changed)
        .with::<InvoiceChanged>(invoice_changed)
        .with::<PaymentChanged>(payment_changed)
}

fn tenant_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let tenant = TenantChanged::decode(event.data.clone())?.tenant.unwrap_or_default();
        Ok(tenants::register(tx.conn(), &tx.call().tenant, tenant.state() == State::Suspended, &tenant.time_zone).await?)
    })
}

fn invoice_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let invoice = InvoiceChanged::decode(event.data.clone())?.invoice.unwrap_or_default();
        // A draft cannot be proposed, so no plan covers it.
        if invoice.state() == invoice::State::Draft {
            return Ok(());
        }
        follow_invoice(tx, &invoice).await
    })
}

fn payment_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let payment = PaymentChanged::decode(event.data.clone())?.payment.unwrap_or_default();
        follow_payment(tx, &payment).await
    })
}
