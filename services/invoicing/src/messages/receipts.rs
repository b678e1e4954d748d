//! Receipts: requests → references, and receipts → messages.

use super::{
    customers::customer_name,
    invoices::{party, tax_amount},
};
use payterms_chassis::{
    AppError, Fields,
    page::Page,
    render::{date, money, timestamp},
};
use payterms_invoicing_domain::{Customer, Receipt};
use payterms_kernel::{Id, TenantId};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// The collections of a receipt's name.
pub const RECEIPT: &[&str] = &["customers", "receipts"];

/// Names a receipt to read.
pub fn get_receipt(request: Request<pb::GetReceiptRequest>) -> Result<(TenantId, Id<Customer>, Id<Receipt>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, RECEIPT);
    fields.finish()?;
    Ok((name.tenant.clone(), Id::from_uuid(name.id(0)), Id::from_uuid(name.id(1))))
}

/// Asks for receipts.
pub fn list_receipts(request: Request<pb::ListReceiptsRequest>) -> Result<(TenantId, Id<Customer>, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok((name.tenant.clone(), Id::from_uuid(name.id(0)), page))
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
