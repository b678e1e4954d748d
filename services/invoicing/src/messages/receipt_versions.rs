//! Versions of receipts: requests → commands, and versions → messages.

use super::{
    customers::customer_name,
    invoices::party,
    receipts::{RECEIPT, receipt_ref},
};
use crate::commands::receipts::ReceiptRef;
use payterms_chassis::{
    AppError, Call, Fields,
    page::Page,
    render::{date, timestamp},
};
use payterms_invoicing_domain::{Receipt, ReceiptVersion};
use payterms_kernel::TenantId;
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// Puts the present details on a receipt.
pub fn correct_receipt(
    request: Request<pb::CorrectReceiptRequest>,
) -> Result<(Call, ReceiptRef, String), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, RECEIPT);
    let explanation = fields.printed("explanation", &message.explanation, 1, 200);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, receipt_ref(&name), explanation))
}

/// Asks for the versions of a receipt.
pub fn list_receipt_versions(
    request: Request<pb::ListReceiptVersionsRequest>,
) -> Result<(ReceiptRef, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, RECEIPT);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok((receipt_ref(&name), page))
}

/// The name of a version.
#[must_use]
pub fn receipt_version_name(
    tenant: &TenantId,
    receipt: &Receipt,
    receipt_version: &ReceiptVersion,
) -> String {
    format!(
        "{}/receipts/{}/versions/{}",
        customer_name(tenant, receipt.customer),
        receipt.id,
        receipt_version.id
    )
}

/// A version of a receipt.
#[must_use]
pub fn receipt_version(
    tenant: &TenantId,
    receipt: &Receipt,
    receipt_version: &ReceiptVersion,
) -> pb::ReceiptVersion {
    pb::ReceiptVersion {
        name: receipt_version_name(tenant, receipt, receipt_version),
        version: i32::try_from(receipt_version.version).unwrap_or(i32::MAX),
        number: receipt_version.number.clone(),
        issue_date: Some(date(receipt_version.issue_date)),
        seller: Some(party(&receipt_version.seller)),
        buyer: Some(party(&receipt_version.buyer)),
        explanation: receipt_version.explanation.clone(),
        create_time: Some(timestamp(receipt_version.created_at)),
    }
}
