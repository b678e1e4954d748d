//! The refusal of use that an invoice bills: it names the invoice and its line, where it is credited.

use crate::store::{
    accruals::{self, Key},
    metered,
    usage_invoices::{self, Billed, UsageInvoice},
};
use chrono::NaiveDate;
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::{Money, Refusal};
use payterms_wallet_domain::{MeteredService, Wallet, month, month::Funding};
use uuid::Uuid;

/// The most lines by price of a metered month's invoice; the line after them has the rest.
const MOST_PRICES: usize = 400;

/// The refusal of what a closing of a wallet's month sent to an invoice.
///
/// # Errors
/// `Fault` for a closing that is not there.
pub(super) async fn closing_refusal(tx: &WriteTx, wallet: &Wallet, closing: Uuid, key: &Key) -> Result<AppError, AppError> {
    let tenant = &tx.call().tenant;
    let found = accruals::closed(tx.conn(), tenant, closing).await?;
    let (closed, open) = found.ok_or_else(|| AppError::Fault(format!("closing {closing} is not there")))?;
    let sums = if key.funding == Funding::Deposit { &open.deposit } else { &open.postpaid };
    let line = month::Billed::of(wallet, sums)?.line_of(&key.label);
    let invoice = usage_invoices::find(tx.conn(), tenant, Billed::Closing(closing, key.funding)).await?;
    Ok(usage_invoiced(closed.month, line, invoice).into())
}

/// The refusal of what a metered service has billed.
pub(super) async fn metered_refusal(
    tx: &WriteTx,
    service: &MeteredService,
    (month, price): (NaiveDate, Money),
) -> Result<AppError, AppError> {
    let tenant = &tx.call().tenant;
    let used = metered::used(tx.conn(), tenant, service, month).await?;
    let place = used.iter().position(|(unit_price, _)| *unit_price == price).unwrap_or(used.len());
    let invoice = usage_invoices::find(tx.conn(), tenant, Billed::Service(service.id, month)).await?;
    Ok(usage_invoiced(month, place.min(MOST_PRICES).saturating_add(1), invoice).into())
}

fn usage_invoiced(month: NaiveDate, line: usize, invoice: Option<UsageInvoice>) -> Refusal {
    let month = month.format("%Y-%m").to_string();
    let Some(UsageInvoice { name, number }) = invoice else {
        let message = format!("The month {month} is closed and goes to an invoice. Credit line {line} of that with CreateCreditNote.");
        return Refusal::precondition("USAGE_INVOICED", message).with("month", month).with("line", line);
    };
    let message = format!(
        "The month {month} is closed: invoice {number} bills it in line {line}. Credit it there with CreateCreditNote; credit that had \
         paid it is given back with the note."
    );
    Refusal::precondition("USAGE_INVOICED", message).with("month", month).with("line", line).with("invoice", name).with("number", number)
}
