//! What a customer can pay with: credit, saved methods, a line; requested before anything is locked.

use crate::{
    app::App,
    commands::payments::{Means, ToPay},
    peers::wallet::{Wallet, method_id},
    store::invoices,
};
use payterms_chassis::{AppError, render::money_of};
use payterms_invoicing_domain::{Payment, payment::Source};
use payterms_kernel::{Currency, Money, Refusal};
use payterms_proto::wallet::v1::{GetPaymentMeansResponse, PaymentMethod, payment_method::Kind as MethodKind};

/// What the customer can pay with, requested before anything is locked.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`; the wallet's.
pub async fn find_means(app: &App, to_pay: &ToPay) -> Result<GetPaymentMeansResponse, AppError> {
    let currency = match to_pay.currency {
        Some(currency) => currency,
        None => currency_of(app, to_pay).await?,
    };
    Wallet::new(app, &to_pay.tenant, to_pay.customer).means(currency).await
}

async fn currency_of(app: &App, to_pay: &ToPay) -> Result<Currency, AppError> {
    let conn = app.db.read(&to_pay.tenant).await?;
    let first: Vec<_> = to_pay.invoices.iter().take(1).map(|(id, _)| *id).collect();
    let found = invoices::find_many(&conn, &to_pay.tenant, &first).await?.pop();
    Ok(found.filter(|invoice| invoice.customer == to_pay.customer).ok_or_else(Refusal::not_found)?.currency)
}

/// The method that is meant, which must be one of the customer's.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `COLLECTION_METHOD_REQUIRED`, `LINE_NOT_DEFAULT`.
pub fn source_of(means: Means, known: &GetPaymentMeansResponse) -> Result<Source, AppError> {
    let source = |own: &PaymentMethod| {
        let id = method_id(own)?;
        Some(match own.kind() {
            MethodKind::BankDebit => Source::BankDebit(id),
            MethodKind::CreditLine => Source::Line(id),
            _ => Source::Card(id),
        })
    };
    let method = match means {
        Means::Credit => return Ok(Source::Credit),
        Means::Transfer => return Ok(Source::Announced),
        Means::Card(method) => method,
        Means::Line => {
            let default = known.payment_methods.iter().find(|own| own.purchase_default).filter(|own| own.kind() == MethodKind::CreditLine);
            let message = "The purchase default is no credit line. An admin or billing manager makes it that first.";
            return default.and_then(source).ok_or_else(|| Refusal::precondition("LINE_NOT_DEFAULT", message).into());
        }
    };
    let Some(method) = method else {
        return known.payment_methods.iter().find(|own| own.purchase_default).and_then(source).ok_or_else(|| {
            let message = "The customer has saved no payment method. Save one, or name one.";
            Refusal::precondition("COLLECTION_METHOD_REQUIRED", message).into()
        });
    };
    let same = |own: &Source| matches!(own, Source::Card(id) | Source::BankDebit(id) | Source::Line(id) if *id == method);
    let found = known.payment_methods.iter().filter_map(source).find(same);
    found.ok_or_else(|| Refusal::not_found().into())
}

/// Refuses more credit than there is.
///
/// # Errors
/// `INSUFFICIENT_FUNDS`.
pub fn must_have_credit(payment: &Payment, means: &GetPaymentMeansResponse) -> Result<(), AppError> {
    let Some(asked) = payment.credit()? else { return Ok(()) };
    let free = if payment.taxed { &means.available_for_taxed } else { &means.available };
    let free = free.as_ref().and_then(money_of).unwrap_or_else(|| Money::zero(payment.currency));
    if free.compare(asked)?.is_lt() {
        let message = format!("The wallet has {free} for these invoices; {asked} were asked.");
        return Err(Refusal::precondition("INSUFFICIENT_FUNDS", message)
            .with("available", free.amount())
            .with("asked", asked.amount())
            .into());
    }
    Ok(())
}
