//! What a customer can pay with: credit, saved methods, a line; requested before anything is
//! locked.

use crate::{
    app::App,
    commands::payments::{Means, ToPay},
    peers::wallet::{Wallet, method_id},
    store::invoices,
};
use payterms_chassis::{AppError, render::money_of};
use payterms_invoicing_domain::{Payment, payment::Source};
use payterms_kernel::{Currency, Money, Reason, Refusal};
use payterms_proto::wallet::{
    peers::v1::GetPaymentMeansResponse,
    v1::{PaymentMethod, payment_method::Kind as MethodKind},
};

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
    Ok(found
        .filter(|invoice| invoice.customer == to_pay.customer)
        .ok_or_else(Refusal::not_found)?
        .currency)
}

/// The method that is meant, which must be one of the customer's.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `COLLECTION_METHOD_REQUIRED`, `LINE_NOT_DEFAULT`.
pub fn source_of(means: Means, known: &GetPaymentMeansResponse) -> Result<Source, AppError> {
    let source = |payment_method: &PaymentMethod| {
        let id = method_id(payment_method)?;
        Some(match payment_method.kind() {
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
            let default = known
                .payment_methods
                .iter()
                .find(|payment_method| payment_method.purchase_default)
                .filter(|payment_method| payment_method.kind() == MethodKind::CreditLine);
            let message = "The purchase default is no credit line. An admin or billing manager makes it that first.";
            return default
                .and_then(source)
                .ok_or_else(|| Refusal::precondition(Reason::LINE_NOT_DEFAULT, message).into());
        }
    };
    let Some(method) = method else {
        return known
            .payment_methods
            .iter()
            .find(|payment_method| payment_method.purchase_default)
            .and_then(source)
            .ok_or_else(|| {
                let message = "The customer has saved no payment method. Save one, or name one.";
                Refusal::precondition(Reason::COLLECTION_METHOD_REQUIRED, message).into()
            });
    };
    let same = |source: &Source| matches!(source, Source::Card(id) | Source::BankDebit(id) | Source::Line(id) if *id == method);
    let found = known.payment_methods.iter().filter_map(source).find(same);
    found.ok_or_else(|| Refusal::not_found().into())
}

/// The credit that can pay: of the wallet as a whole, and of invoices with tax.
#[derive(Debug, Clone, Copy)]
pub struct FreeCredit {
    /// All of it.
    pub all: Money,
    /// What pays invoices with tax: not what was taxed when it was bought.
    pub for_taxed: Money,
}

impl FreeCredit {
    /// What the wallet said.
    #[must_use]
    pub fn of(means: &GetPaymentMeansResponse, currency: Currency) -> Self {
        let amount = |amount: Option<&payterms_proto::google::r#type::Money>| {
            amount.and_then(money_of).unwrap_or_else(|| Money::zero(currency))
        };
        Self {
            all: amount(means.available.as_ref()),
            for_taxed: amount(means.available_for_taxed.as_ref()),
        }
    }

    /// What pays invoices of which some have tax, or none has.
    #[must_use]
    pub fn for_invoices(self, taxed: bool) -> Money {
        if taxed { self.for_taxed } else { self.all }
    }
}

/// By how much credit falls short of what a payment takes from it; none where it suffices.
///
/// # Errors
/// None that amounts of one currency can cause.
pub fn missing_credit(
    payment: &Payment,
    means: &GetPaymentMeansResponse,
) -> Result<Option<Money>, AppError> {
    let Some(asked) = payment.credit().map_err(Refusal::from)? else { return Ok(None) };
    let missing = asked
        .minus(FreeCredit::of(means, payment.currency).for_invoices(payment.taxed))
        .map_err(Refusal::from)?;
    Ok(Some(missing).filter(|missing| missing.is_positive()))
}

/// Why credit does not suffice.
#[must_use]
pub fn too_little_credit(free: FreeCredit, taxed: bool, asked: Money) -> Refusal {
    let for_these = free.for_invoices(taxed);
    let message = if taxed && free.all != for_these {
        format!(
            "The wallet has {}, of which {for_these} can pay these invoices: they charge tax, and the rest was taxed when it was bought, so that \
             it would be taxed twice. {asked} were asked; pay the rest otherwise.",
            free.all
        )
    } else {
        format!(
            "The wallet has {for_these} for these invoices; {asked} were asked. Top it up, or pay the rest otherwise."
        )
    };
    Refusal::precondition(Reason::INSUFFICIENT_FUNDS, message)
        .with("available", for_these.amount())
        .with("asked", asked.amount())
}

/// Refuses more credit than there is.
///
/// # Errors
/// `INSUFFICIENT_FUNDS`.
pub fn must_have_credit(
    payment: &Payment,
    means: &GetPaymentMeansResponse,
) -> Result<(), AppError> {
    if missing_credit(payment, means)?.is_none() {
        return Ok(());
    }
    let asked =
        payment.credit().map_err(Refusal::from)?.unwrap_or_else(|| Money::zero(payment.currency));
    Err(too_little_credit(FreeCredit::of(means, payment.currency), payment.taxed, asked).into())
}
