//! What can be drawn on a credit line, requested before anything is locked.

use crate::{
    app::App,
    commands::payments::{Means, ToPay},
    peers::{credit::line_means, wallet::method_id},
};
use payterms_chassis::{AppError, render::money_of};
use payterms_invoicing_domain::{Payment, deferral::line_of};
use payterms_kernel::{Kind as RefusalKind, Money, Reason, Refusal, money::MoneyError};
use payterms_proto::wallet::{
    peers::v1::GetPaymentMeansResponse,
    v1::{PaymentMethod, payment_method::Kind},
};

/// What can be drawn on the line that a payment names.
#[derive(Debug, Clone)]
pub struct LineMeans {
    available: Money,
    barred: Option<Refusal>,
}

/// The line among what a payment is to use; none where no tender means one.
fn chosen_line<'a>(
    to_pay: &ToPay,
    known: &'a GetPaymentMeansResponse,
) -> Option<&'a PaymentMethod> {
    let lines = known
        .payment_methods
        .iter()
        .filter(|payment_method| payment_method.kind() == Kind::CreditLine);
    let named = |payment_method: &PaymentMethod, means: &Means| match means {
        Means::Line | Means::Card(None) => payment_method.purchase_default,
        Means::Card(method) => method_id(payment_method) == *method,
        Means::Credit | Means::Transfer => false,
    };
    lines
        .into_iter()
        .find(|payment_method| to_pay.tenders.iter().any(|(means, _)| named(payment_method, means)))
}

/// Asks credit what can be drawn, where a tender means a line.
///
/// # Errors
/// Those of credit.
pub async fn find_line_means(
    app: &App,
    to_pay: &ToPay,
    known: &GetPaymentMeansResponse,
) -> Result<Option<LineMeans>, AppError> {
    let Some(line) = chosen_line(to_pay, known).and_then(method_id) else { return Ok(None) };
    let means = line_means(app, &to_pay.tenant, to_pay.customer, line).await?;
    let available = means
        .available
        .as_ref()
        .and_then(money_of)
        .ok_or_else(|| AppError::Fault("means without an amount".to_owned()))?;
    let state = means.state().as_str_name().trim_start_matches("STATE_").to_owned();
    let barred = match Reason::named(&means.barred_reason) {
        None if means.barred_reason.is_empty() => None,
        Some(Reason::CONCURRENT_UPDATE) => Some(Refusal::new(
            RefusalKind::Conflict,
            Reason::CONCURRENT_UPDATE,
            means.barred_message,
        )),
        Some(Reason::INVOICE_IN_PLAN) => {
            let refusal = Refusal::precondition(Reason::INVOICE_IN_PLAN, means.barred_message);
            Some(refusal.with("invoice", means.planned_invoice).with("plan", means.plan))
        }
        _ => Some(
            Refusal::precondition(Reason::LINE_STATE, means.barred_message).with("state", state),
        ),
    };
    Ok(Some(LineMeans { available, barred }))
}

fn must_be_in_its_currency(asked: Money, available: Money) -> Result<(), Refusal> {
    if asked.currency() == available.currency() {
        return Ok(());
    }
    Err(MoneyError::WrongCurrency(asked.currency(), available.currency()).into())
}

/// By how much a line falls short of what a payment draws on it; none where it suffices.
///
/// # Errors
/// `LINE_STATE`, `INVOICE_IN_PLAN`, `CURRENCY_MISMATCH` with the line's currency: then it is not a
/// question of how much.
pub fn missing_on_line(
    payment: &Payment,
    means: Option<&LineMeans>,
) -> Result<Option<Money>, AppError> {
    let (Some((_, asked)), Some(means)) = (line_of(&payment.tenders), means) else {
        return Ok(None);
    };
    must_be_in_its_currency(asked, means.available)?;
    let missing = asked.minus(means.available).map_err(Refusal::from)?;
    if let Some(refusal) = &means.barred {
        return Err(refusal.clone().into());
    }
    Ok(Some(missing).filter(|missing| missing.is_positive()))
}

/// Refuses what cannot be drawn, before anything moves.
///
/// # Errors
/// `LINE_STATE`, `INVOICE_IN_PLAN`, `CURRENCY_MISMATCH` with the line's currency,
/// `CREDIT_LIMIT_EXCEEDED`.
pub fn must_have_line(payment: &Payment, means: Option<&LineMeans>) -> Result<(), AppError> {
    let (Some((_, asked)), Some(means)) = (line_of(&payment.tenders), means) else { return Ok(()) };
    let available = means.available;
    if missing_on_line(payment, Some(means))?.is_some() {
        let message = format!("{available} can be drawn on the line; {asked} were asked.");
        return Err(Refusal::precondition(Reason::CREDIT_LIMIT_EXCEEDED, message)
            .with("available", available.amount())
            .with("asked", asked.amount())
            .into());
    }
    Ok(())
}
