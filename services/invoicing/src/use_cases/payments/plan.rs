//! Plans a payment on its locked invoices.

use super::{
    means::{FreeCredit, source_of},
    pending::name_pending,
};
use crate::{
    commands::payments::ToPay,
    store::{invoices, tenants},
};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{
    Invoice, InvoiceState, Payment,
    payment::{self, PaymentRequest, Source},
};
use payterms_kernel::{Money, Reason, Refusal, Violation};
use payterms_proto::wallet::peers::v1::GetPaymentMeansResponse;

/// Locks the invoices that are to be paid.
pub async fn lock_invoices_to_pay(tx: &WriteTx, to_pay: &ToPay) -> Result<Vec<Invoice>, AppError> {
    let ids: Vec<_> = to_pay.invoices.iter().map(|(id, _)| *id).collect();
    match to_pay.currency {
        Some(currency) => {
            invoices::lock_open(tx.conn(), &to_pay.tenant, to_pay.customer, currency).await
        }
        None => invoices::lock_many(tx.conn(), &to_pay.tenant, &ids).await,
    }
}

/// Plans the payment on its locked invoices.
pub async fn plan_payment(
    tx: &mut WriteTx,
    to_pay: &ToPay,
    means: &GetPaymentMeansResponse,
    owned: &mut [Invoice],
) -> Result<Payment, AppError> {
    let tenant = tenants::find(tx.conn(), &to_pay.tenant).await?.ok_or_else(Refusal::not_found)?;
    let foreign = |invoice: &Invoice| invoice.customer != to_pay.customer;
    let unseen = |invoice: &Invoice| {
        to_pay.as_customer && (invoice.state == InvoiceState::Draft || tenant.invoices_hidden)
    };
    if owned.len() < to_pay.invoices.len()
        || owned.iter().any(|invoice| foreign(invoice) || unseen(invoice))
    {
        return Err(Refusal::not_found().into());
    }
    let tenders =
        to_pay.tenders.iter().map(|(source, amount)| Ok((source_of(*source, means)?, *amount)));
    let mut tenders: Vec<(Source, Option<Money>)> = tenders.collect::<Result<_, AppError>>()?;
    if to_pay.as_far_as_credit_goes {
        let goes = credit_that_goes(owned, to_pay, means);
        tenders = vec![(Source::Credit, name_pending(tx, owned, goes).await?)];
    }
    let twice = |pair: &(Source, Option<Money>)| {
        tenders.iter().filter(|other| other.0 == pair.0).count() > 1
    };
    if tenders.iter().any(twice) {
        let description =
            "Name each source once; an empty method is the purchase default.".to_owned();
        return Err(Refusal::invalid(vec![Violation {
            field: "tenders".into(),
            reason: Reason::DUPLICATE_ITEM,
            description,
        }])
        .into());
    }
    let now = tx.now();
    let deferred_on = Some(tx.today());
    let request = PaymentRequest {
        invoices: to_pay.invoices.clone(),
        tenders,
        surplus_allowed: !tenant.overpayment_refused,
        deferred_on,
    };
    let planned = payment::ask(tx.ids(), to_pay.customer, owned, &request, now);
    name_pending(tx, owned, planned).await
}

/// The credit that there is for what a payment by credit would pay, where that is less; none: all
/// of it. Where there is no credit at all, that is left to be refused.
fn credit_that_goes(
    owned: &[Invoice],
    to_pay: &ToPay,
    means: &GetPaymentMeansResponse,
) -> Result<Option<Money>, Refusal> {
    let tenders = vec![(Source::Credit, None)];
    let request = PaymentRequest {
        invoices: to_pay.invoices.clone(),
        tenders,
        surplus_allowed: false,
        deferred_on: None,
    };
    let (wanted, taxed) = payment::wanted(owned, &request)?;
    let free = FreeCredit::of(means, wanted.currency()).for_invoices(taxed);
    Ok(Some(free).filter(|free| {
        free.is_positive() && free.compare(wanted).is_ok_and(std::cmp::Ordering::is_lt)
    }))
}
