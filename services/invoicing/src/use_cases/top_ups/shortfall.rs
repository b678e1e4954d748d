//! What a transfer may be short of: a bank's fees are taken off.

use crate::{store::tenants, use_cases::credit_notes::save::issue_credit_note};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{Invoice, bank::Short, top_up::TRANSFER_FEES};
use payterms_kernel::Money;

/// What a transfer for an invoice may be short of.
pub async fn transfer_tolerance(tx: &WriteTx, invoice: &Invoice) -> Result<Money, AppError> {
    let tenant = tenants::find(tx.conn(), &tx.call().tenant).await?;
    Ok(tenant.map_or_else(
        || Money::zero(invoice.currency),
        |tenant| tenant.transfer_tolerance(invoice.currency),
    ))
}

/// Credit-notes what a transfer was short of.
pub async fn forgive_shortfall(
    tx: &mut WriteTx,
    invoice: &Invoice,
    short: Short,
) -> Result<(), AppError> {
    let Some((amount, taxes)) = short else { return Ok(()) };
    let note = tx.id();
    issue_credit_note(tx, invoice, None, note, amount, taxes, TRANSFER_FEES).await?;
    Ok(())
}
