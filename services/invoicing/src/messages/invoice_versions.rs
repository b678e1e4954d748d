//! Later versions of invoices: requests → commands, and versions → messages.

use super::{
    invoices::{invoice_name, party},
    refs::{INVOICE, invoice_ref},
};
use crate::commands::invoices::InvoiceRef;
use payterms_chassis::{
    AppError, Call, Fields,
    page::Page,
    render::{date, timestamp},
};
use payterms_invoicing_domain::{Invoice, InvoiceVersion};
use payterms_kernel::TenantId;
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// Puts the present details on an invoice.
pub fn correct_invoice(
    request: Request<pb::CorrectInvoiceRequest>,
) -> Result<(Call, InvoiceRef, String), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let explanation = fields.printed("explanation", &message.explanation, 1, 200);
    let named = invoice_ref(&fields, &name);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, named, explanation))
}

/// Asks for the later versions of an invoice.
pub fn list_invoice_versions(
    request: Request<pb::ListInvoiceVersionsRequest>,
) -> Result<(InvoiceRef, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, INVOICE);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    let named = invoice_ref(&fields, &name);
    fields.finish()?;
    Ok((named, page))
}

/// A later version of an invoice.
#[must_use]
pub fn invoice_version(
    tenant: &TenantId,
    invoice: &Invoice,
    invoice_version: &InvoiceVersion,
) -> pb::InvoiceVersion {
    pb::InvoiceVersion {
        name: format!("{}/versions/{}", invoice_name(tenant, invoice), invoice_version.id),
        version: i32::try_from(invoice_version.version).unwrap_or(i32::MAX),
        number: invoice_version.number.clone(),
        issue_date: Some(date(invoice_version.issue_date)),
        seller: Some(party(&invoice_version.seller)),
        buyer: Some(party(&invoice_version.buyer)),
        explanation: invoice_version.explanation.clone(),
        create_time: Some(timestamp(invoice_version.created_at)),
    }
}
