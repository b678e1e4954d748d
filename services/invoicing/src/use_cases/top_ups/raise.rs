//! Sells credit by bank transfer: raises the invoice. What comes is matched by its number and
//! booked like any bank line.

use super::lapse;
use crate::{
    app::App,
    commands::top_ups::RaiseTopUp,
    documents::wording::Language,
    peers::wallet::Wallet,
    store::invoices,
    use_cases::{
        invoices::{
            load::find_sides,
            save::{publish_invoice, take_number},
        },
        mails::transfer_notices::mail_transfer_invoice,
    },
};
use chrono::Days;
use payterms_chassis::{Answer, AppError, Call, WriteTx, jobs::schedule};
use payterms_invoicing_domain::{Customer, Invoice, Tenant, TopUp};
use payterms_kernel::{Money, Reason, Refusal, calendar::start_of_day};
use payterms_proto::invoicing::v1::{Invoice as InvoiceMessage, RaiseTransferTopUpResponse};

/// Raises the invoice.
///
/// # Errors
/// Those of [`payterms_invoicing_domain::top_up::Offer::must_sell`] and [`Invoice::raise`],
/// `BANK_DETAILS_REQUIRED`, `RESOURCE_NOT_FOUND`.
pub async fn raise_transfer_top_up(
    app: &App,
    call: &Call,
    raise: &RaiseTopUp,
) -> Result<Answer<RaiseTransferTopUpResponse>, AppError> {
    let amount = raise.amount;
    let offer = Wallet::new(app, &call.tenant, raise.customer).offer(amount.currency()).await?;
    let mut tx = app.db.begin(call).await?;
    let (tenant, customer) = find_sides(&tx, &call.tenant, raise.customer).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    offer.must_sell(amount, raise.as_customer)?;
    if tenant.business.bank_details.is_empty() {
        let message =
            "The tenant has not said where transfers go. Set business.bank_details of the tenant.";
        return Err(Refusal::precondition(Reason::BANK_DETAILS_REQUIRED, message).into());
    }
    let top_up = TopUp { taxed: offer.taxed, ..raise.top_up.clone() };
    let rendered =
        raise_order(&mut tx, &tenant, &customer, amount, top_up, offer.valid_days).await?;
    tx.commit(RaiseTransferTopUpResponse { invoice: Some(rendered) }).await
}

/// Issues and mails the invoice of a top-up, whose credit can be used for so many days; 0: without
/// end, or it is not known.
///
/// # Errors
/// Those of [`Invoice::raise`].
pub async fn raise_order(
    tx: &mut WriteTx,
    tenant: &Tenant,
    customer: &Customer,
    amount: Money,
    top_up: TopUp,
    valid_days: u32,
) -> Result<InvoiceMessage, AppError> {
    let what = Language::of(&customer.locale).say("Prepaid credit", "Crédit prépayé");
    let (id, now) = (tx.id(), tx.now());
    let invoice = take_number(tx, |series, today| {
        Invoice::raise(id, (tenant, customer), (amount, what, top_up), (series, today), now)
    })
    .await?;
    invoices::save_draft(tx.conn(), &tx.call().tenant, &invoice).await?;
    let rendered = publish_invoice(tx, &invoice).await?;
    if let Some(issue) = &invoice.issue {
        let over = issue.due_date.checked_add_days(Days::new(1)).unwrap_or(issue.due_date);
        schedule(tx, lapse::JOB, &invoice.id.to_string(), start_of_day(tx.time().zone, over))
            .await?;
    }
    mail_transfer_invoice(tx, &invoice, valid_days).await?;
    Ok(rendered)
}
