//! The consumers of other services' events.

use crate::use_cases::plans::{
    collect::follow_payment,
    evaluate,
    follow_invoice::follow_invoice,
    follow_method::{follow_method, follow_waits},
};
use futures::future::BoxFuture;
use payterms_chassis::{AppError, WriteTx, inbox::Consumers, names, zones};
use payterms_kernel::Id;
use payterms_proto::{
    common::v1::Event,
    invoicing::v1::{InvoiceChanged, PaymentChanged, TenantChanged, invoice, tenant::State},
    wallet::v1::PaymentMethodsChanged,
};
use prost::Message;

/// All consumers.
#[must_use]
pub fn all() -> Consumers {
    Consumers::default()
        .with::<TenantChanged>(tenant_changed)
        .with::<InvoiceChanged>(invoice_changed)
        .with::<PaymentChanged>(payment_changed)
        .with::<PaymentMethodsChanged>(payment_methods_changed)
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
        Ok(())
    })
}

fn invoice_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let invoice = InvoiceChanged::decode(event.data.clone())?.invoice.unwrap_or_default();
        // A draft cannot be proposed, so no plan covers it.
        if invoice.state() == invoice::State::Draft {
            return Ok(());
        }
        follow_invoice(tx, &invoice).await
    })
}

fn payment_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let payment = PaymentChanged::decode(event.data.clone())?.payment.unwrap_or_default();
        follow_payment(tx, &payment).await
    })
}

fn payment_methods_changed<'a>(
    tx: &'a mut WriteTx,
    event: &'a Event,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let changed = PaymentMethodsChanged::decode(event.data.clone())?;
        let fault = || AppError::Fault(format!("customer {:?}", changed.customer));
        let customer =
            Id::from_uuid(names::parse(&changed.customer, &["customers"]).ok_or_else(fault)?.id(0));
        follow_waits(tx, customer, &changed).await?;
        if changed.collection_method_replaced {
            follow_method(tx, customer, &changed).await
        } else {
            Ok(())
        }
    })
}
