//! Requests about collection and blocks → commands of the domain.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use crate::{
    parse_invoices::{INVOICE, InvoiceRef, block_reason, invoice_ref},
    parse_payments::Invoices,
};
use payterms_chassis::{AppError, Call, Fields, fields::Digits, names::Name};
use payterms_invoicing_domain::{BlockReason, Customer, Invoice};
use payterms_kernel::{Id, Money, Refusal};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// Invoices in one call.
const MOST_INVOICES: usize = 100;

/// Tries to collect now.
pub fn retry_collection(request: Request<pb::RetryCollectionRequest>) -> Result<(Call, InvoiceRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let named = invoice_ref(&fields, &name);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, named))
}

/// Blocks an invoice for the tenant's people.
pub fn block_invoice(request: Request<pb::BlockInvoiceRequest>) -> Result<(Call, InvoiceRef, BlockReason), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let reason = block_reason(&mut fields, "reason", message.reason);
    if matches!(reason, Some(BlockReason::PlanProposed | BlockReason::PlanActive)) {
        fields.wrong("reason", "ENUM_INVALID", "Use DISPUTED or MANUAL: the others are set by payment plans.");
    }
    let named = invoice_ref(&fields, &name);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, named, reason.unwrap_or(BlockReason::Manual)))
}

/// Lifts such a block.
pub fn unblock_invoice(request: Request<pb::UnblockInvoiceRequest>) -> Result<(Call, InvoiceRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let named = invoice_ref(&fields, &name);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, named))
}

/// What an owner blocks or lets go.
#[derive(Debug, Clone)]
pub struct Owned {
    /// Whose invoices they are.
    pub customer: Id<Customer>,
    /// Who alone lifts the blocks.
    pub owner: String,
    /// The invoices, with what is open at most.
    pub invoices: Vec<(Id<Invoice>, Option<Money>)>,
}

fn own_invoice(fields: &mut Fields, parent: &Name, field: &str, text: &str) -> (Id<Invoice>, bool) {
    let name = fields.name(field, text, INVOICE);
    (Id::from_uuid(name.id(1)), name.tenant != parent.tenant || name.id(0) != parent.id(0))
}

fn bounded(fields: &mut Fields, count: usize) {
    if count == 0 {
        fields.wrong("invoices", "FIELD_REQUIRED", "Name 1 to 100 invoices.");
    }
    if count > MOST_INVOICES {
        fields.wrong("invoices", "TOO_MANY_ITEMS", "Name at most 100 invoices.");
    }
}

fn owned(parent: &Name, owner: String, invoices: Vec<(Id<Invoice>, Option<Money>)>, foreign: bool) -> Result<Owned, AppError> {
    if foreign {
        return Err(Refusal::not_found().into());
    }
    Ok(Owned { customer: Id::from_uuid(parent.id(0)), owner, invoices })
}

/// Blocks invoices for an owner.
pub fn block_for_owner(request: Request<pb::BlockForOwnerRequest>) -> Result<(Call, Owned, BlockReason), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let owner = fields.text("owner", &message.owner, 1, 200);
    let reason = block_reason(&mut fields, "reason", message.reason);
    bounded(&mut fields, message.invoices.len());
    let (mut invoices, mut foreign): Invoices = (Vec::new(), false);
    for (place, own) in message.invoices.iter().take(MOST_INVOICES).enumerate() {
        let (id, alien) = own_invoice(&mut fields, &parent, &format!("invoices[{place}].invoice"), &own.invoice);
        let field = format!("invoices[{place}].expected_open");
        let expected = own.expected_open.as_ref().map(|open| fields.money(&field, Some(open), Digits::MinorUnit));
        if invoices.iter().any(|(other, _)| *other == id) {
            fields.wrong(&format!("invoices[{place}].invoice"), "DUPLICATE_ITEM", "Name each invoice once.");
        }
        invoices.push((id, expected));
        foreign |= alien;
    }
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    Ok((call, owned(&parent, owner, invoices, foreign)?, reason.unwrap_or(BlockReason::Manual)))
}

/// Lifts an owner's blocks.
pub fn unblock_for_owner(request: Request<pb::UnblockForOwnerRequest>) -> Result<(Call, Owned), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let owner = fields.text("owner", &message.owner, 1, 200);
    bounded(&mut fields, message.invoices.len());
    let (mut invoices, mut foreign) = (Vec::new(), false);
    for (place, name) in message.invoices.iter().take(MOST_INVOICES).enumerate() {
        let (id, alien) = own_invoice(&mut fields, &parent, &format!("invoices[{place}]"), name);
        invoices.push((id, None));
        foreign |= alien;
    }
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    Ok((call, owned(&parent, owner, invoices, foreign)?))
}
