//! Sells credit by bank transfer: raises the invoice, takes a bank's fees off, lets it lapse. What comes is
//! matched by its number and booked like any bank line.

use super::{
    create_invoice::sides,
    finalize_invoice::{number_from, publish},
    notices,
    payment_steps::Wallet,
    take_back_invoice,
};
use crate::{
    App,
    commands::top_ups::RaiseTopUp,
    documents::wording::Language,
    jobs,
    store::{bank_lines, invoices, tenants},
};
use chrono::{Days, TimeDelta};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    jobs::{DueRow, schedule, take},
    names,
};
use payterms_invoicing_domain::{
    Customer, Invoice, TopUp,
    bank::Short,
    top_up::{NOT_TRANSFERRED, TRANSFER_FEES},
};
use payterms_kernel::{Id, Money, Refusal, calendar::start_of_day};
use payterms_proto::invoicing::v1::RaiseTransferTopUpResponse;

/// How long a lapse waits for a transfer that is being booked.
const PAUSE: TimeDelta = TimeDelta::hours(1);

/// Runs the verb.
///
/// # Errors
/// Those of [`payterms_invoicing_domain::top_up::Offer::must_sell`] and [`Invoice::raise`],
/// `BANK_DETAILS_REQUIRED`, `RESOURCE_NOT_FOUND`.
pub async fn run(
    app: &App,
    call: &Call,
    customer: Id<Customer>,
    (amount, raise): (Money, &RaiseTopUp),
) -> Result<Answer<RaiseTransferTopUpResponse>, AppError> {
    let offer = Wallet::new(app, &call.tenant, customer).offer(amount.currency()).await?;
    let mut tx = app.db.begin(call).await?;
    let (tenant, customer) = sides(&tx, &call.tenant, customer).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    offer.must_sell(amount, raise.as_customer)?;
    let bank_details = tenant.business.bank_details.clone();
    if bank_details.is_empty() {
        let message = "The tenant has not said where transfers go. Set business.bank_details of the tenant.";
        return Err(Refusal::precondition("BANK_DETAILS_REQUIRED", message).into());
    }
    let what = Language::of(&customer.locale).say("Prepaid credit", "Crédit prépayé");
    let top_up = TopUp { taxed: offer.taxed, bank_details, ..raise.top_up.clone() };
    let (id, now) = (tx.id(), tx.now());
    let invoice =
        number_from(&tx, |series, today| Invoice::raise(id, (&tenant, &customer), (amount, what, top_up), (series, today), now)).await?;
    invoices::save_draft(tx.conn(), &call.tenant, &invoice).await?;
    let rendered = publish(&mut tx, &invoice).await?;
    if let Some(issue) = &invoice.issue {
        let over = issue.due_date.checked_add_days(Days::new(1)).unwrap_or(issue.due_date);
        schedule(&tx, jobs::LAPSE_TOP_UP, &invoice.id.to_string(), start_of_day(tx.time().zone, over)).await?;
    }
    notices::transfer_invoice(&mut tx, &invoice).await?;
    tx.commit(RaiseTransferTopUpResponse { invoice: Some(rendered) }).await
}

/// What a transfer for an invoice may be short of.
///
/// # Errors
/// The database's.
pub(super) async fn tolerance(tx: &WriteTx, invoice: &Invoice) -> Result<Money, AppError> {
    let tenant = tenants::find(tx.conn(), &tx.call().tenant).await?;
    Ok(tenant.map_or_else(|| Money::zero(invoice.currency), |own| own.transfer_tolerance(invoice.currency)))
}

/// Credit-notes what a transfer was short of.
///
/// # Errors
/// The database's.
pub(super) async fn forgiven(tx: &mut WriteTx, invoice: &Invoice, short: Short) -> Result<(), AppError> {
    let Some((amount, taxes)) = short else { return Ok(()) };
    let note = tx.id();
    take_back_invoice::issue(tx, invoice, (note, amount, taxes), TRANSFER_FEES).await?;
    Ok(())
}

/// The time of an invoice is over: what did not come is taken off.
///
/// # Errors
/// The database's.
pub async fn lapse(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("invoice {:?}", row.subject))) };
    let mut tx = app.db.begin_forward(&row.call("invoicing", id)).await?;
    let found = invoices::lock_many(tx.conn(), &row.tenant, &[Id::from_uuid(id)]).await?.pop();
    if !take(&tx, row).await? {
        return Ok(());
    }
    let Some(mut invoice) = found else { return tx.commit_rows().await };
    let now = tx.now();
    if invoice.pending.is_positive() || bank_lines::is_awaited(tx.conn(), &row.tenant, invoice.id).await? {
        schedule(&tx, jobs::LAPSE_TOP_UP, &row.subject, now + PAUSE).await?;
    } else if let Some((amount, taxes)) = invoice.lapse(now)? {
        let note = tx.id();
        take_back_invoice::issue(&mut tx, &invoice, (note, amount, taxes), NOT_TRANSFERRED).await?;
        publish(&mut tx, &invoice).await?;
    }
    tx.commit_rows().await
}
