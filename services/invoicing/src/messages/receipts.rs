//! Receipts: requests → references, and receipts → messages.

use super::{
    customers::customer_name,
    invoices::{party, tax_amount},
    refs::customer_ref,
};
use crate::commands::{customers::CustomerRef, receipts::ReceiptRef};
use payterms_chassis::{
    AppError, Fields,
    names::Name,
    page::Page,
    render::{date, money, timestamp},
};
use payterms_invoicing_domain::Receipt;
use payterms_kernel::{Id, TenantId};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// The collections of a receipt's name.
pub const RECEIPT: &[&str] = &["customers", "receipts"];

/// Names a receipt to read.
pub fn get_receipt(request: Request<pb::GetReceiptRequest>) -> Result<ReceiptRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, RECEIPT);
    fields.finish()?;
    Ok(receipt_ref(&name))
}

/// Asks for receipts.
pub fn list_receipts(request: Request<pb::ListReceiptsRequest>) -> Result<(CustomerRef, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    let customer = customer_ref(&fields, &name);
    fields.finish()?;
    Ok((customer, page))
}

/// A receipt.
#[must_use]
pub fn receipt(tenant: &TenantId, receipt: &Receipt) -> pb::Receipt {
    let customer = customer_name(tenant, receipt.customer);
    pb::Receipt {
        name: format!("{customer}/receipts/{}", receipt.id),
        number: receipt.number.clone(),
        issue_date: Some(date(receipt.issue_date)),
        top_up: format!("{customer}/wallets/{}/topUps/{}", receipt.wallet, receipt.top_up),
        taxed: receipt.taxed,
        amount: Some(money(receipt.amount)),
        tax: Some(tax_amount(&receipt.tax)),
        seller: Some(party(&receipt.seller)),
        buyer: Some(party(&receipt.buyer)),
        create_time: Some(timestamp(receipt.created_at)),
    }
}

/// The receipt that a name means.
#[must_use]
pub fn receipt_ref(name: &Name) -> ReceiptRef {
    ReceiptRef { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)), receipt: Id::from_uuid(name.id(1)) }
}
