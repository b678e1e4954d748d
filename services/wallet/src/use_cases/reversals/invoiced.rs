//! The refusal of use that an invoice bills: it names the invoice and its line, where it is
//! credited.

use super::load::BilledSum;
use crate::store::{
    accruals, metered,
    usage_invoices::{self, Billed, UsageInvoice},
};
use chrono::NaiveDate;
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::{Money, Reason, Refusal};
use payterms_wallet_domain::{MeteredService, Wallet, month, month::Funding};

/// The most lines by price of a metered month's invoice; the line after them has the rest.
const MOST_PRICES: usize = 400;

/// The refusal of more than `left`, of which the rest went to an invoice.
///
/// # Errors
/// `Fault` for a closing that is not there.
pub(super) async fn closing_refusal(
    tx: &WriteTx,
    wallet: &Wallet,
    billed: Option<BilledSum>,
    left: Money,
) -> Result<AppError, AppError> {
    let tenant = &tx.call().tenant;
    let (closing, key) =
        billed.ok_or_else(|| AppError::Fault(format!("no closing bills wallet {}", wallet.id)))?;
    let found = accruals::closed(tx.conn(), tenant, closing).await?;
    let (closed, open) =
        found.ok_or_else(|| AppError::Fault(format!("closing {closing} is not there")))?;
    let sums = if key.funding == Funding::Deposit { &open.deposit } else { &open.postpaid };
    let line = month::Billed::of(wallet, sums)?.line_of(&key.label);
    let invoice =
        usage_invoices::find(tx.conn(), tenant, Billed::Closing(closing, key.funding)).await?;
    let lots = key.funding == Funding::Deposit;
    let refusal = usage_invoiced(
        closed.month,
        line,
        invoice,
        if lots { " Credit that had paid it is given back with the note." } else { "" },
    );
    let rest = format!(" No invoice bills {left} of it: ask for at most that here.");
    let message = if left.is_positive() {
        format!("{}{rest}", refusal.message)
    } else {
        refusal.message.clone()
    };
    Ok(Refusal { message, ..refusal }
        .with("left", left.amount())
        .with("currency", left.currency())
        .into())
}

/// The refusal of what a metered service has billed.
pub(super) async fn metered_refusal(
    tx: &WriteTx,
    service: &MeteredService,
    month: NaiveDate,
    price: Money,
) -> Result<AppError, AppError> {
    let tenant = &tx.call().tenant;
    let used = metered::used(tx.conn(), tenant, service, month).await?;
    let place = used.iter().position(|(unit_price, _)| *unit_price == price).unwrap_or(used.len());
    let invoice =
        usage_invoices::find(tx.conn(), tenant, Billed::Service(service.id, month)).await?;
    Ok(usage_invoiced(month, place.min(MOST_PRICES).saturating_add(1), invoice, "").into())
}

fn usage_invoiced(
    month: NaiveDate,
    line: usize,
    invoice: Option<UsageInvoice>,
    credit: &str,
) -> Refusal {
    let month = month.format("%Y-%m").to_string();
    let Some(UsageInvoice { name, number }) = invoice else {
        let message = format!(
            "The month {month} is closed and goes to an invoice. Credit line {line} of that with CreateCreditNote.{credit}"
        );
        return Refusal::precondition(Reason::USAGE_INVOICED, message)
            .with("month", month)
            .with("line", line);
    };
    let message = format!(
        "The month {month} is closed: invoice {number} bills it in line {line}. Credit it there with CreateCreditNote.{credit}"
    );
    Refusal::precondition(Reason::USAGE_INVOICED, message)
        .with("month", month)
        .with("line", line)
        .with("invoice", name)
        .with("number", number)
}
