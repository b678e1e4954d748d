//! Follows which invoices of invoicing bill closed months of use.

use crate::store::usage_invoices::{self, Billed, UsageInvoice};
use payterms_chassis::{AppError, WriteTx, names, render::date_of};
use payterms_proto::invoicing::v1::UsageInvoiced;
use payterms_wallet_domain::month::Funding;

/// Saves which invoice bills a closed month.
///
/// # Errors
/// `Fault` for a malformed name.
pub async fn follow_usage_invoice(tx: &WriteTx, event: &UsageInvoiced) -> Result<(), AppError> {
    let fault = || AppError::Fault(format!("usage invoice {:?}", event.invoice));
    let name = names::parse(&event.invoice, &["customers", "invoices"]).ok_or_else(fault)?;
    let month = event.month.as_ref().and_then(date_of).ok_or_else(fault)?;
    let funding = if event.postpaid { Funding::Postpaid } else { Funding::Deposit };
    let service = names::parse(&event.metered_service, &["customers", "meteredServices"])
        .map(|name| Billed::Service(name.id(1), month));
    let billed = service
        .or_else(|| names::uuid(&event.closing_id).map(|closing| Billed::Closing(closing, funding)))
        .ok_or_else(fault)?;
    let invoice = UsageInvoice { name: event.invoice.clone(), number: event.number.clone() };
    usage_invoices::save(tx.conn(), &tx.call().tenant, name.id(1), &invoice, billed, month).await
}
