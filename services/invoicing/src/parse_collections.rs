//! Requests about collection and blocks → commands of the domain.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use crate::parse_invoices::{INVOICE, InvoiceRef, block_reason, invoice_ref};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_chassis::{
    AppError, Call, Fields,
    fields::Digits,
    names::{self, Name},
};
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

/// What an owner believes to be open of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever.
    Anything,
    /// At most so much.
    AtMost(Money),
    /// Nothing.
    Nothing,
}

/// What an owner blocks or lets go.
#[derive(Debug, Clone)]
pub struct Owned {
    /// Whose invoices they are.
    pub customer: Id<Customer>,
    /// Who alone lifts the blocks.
    pub owner: String,
    /// The invoices, with what their owner believes to be open.
    pub invoices: Vec<(Id<Invoice>, Expected)>,
    /// The day of a breach that lets go of them, and whether all is due at once.
    pub breach: Option<(NaiveDate, bool)>,
}

fn own_invoice(fields: &mut Fields, parent: &Name, field: &str, text: &str) -> (Id<Invoice>, bool) {
    let name = fields.name(field, text, INVOICE);
    (Id::from_uuid(name.id(1)), name.tenant != parent.tenant || name.id(0) != parent.id(0))
}

fn bounded(fields: &mut Fields, field: &str, count: usize) {
    if count == 0 {
        fields.wrong(field, "FIELD_REQUIRED", "Name 1 to 100 invoices.");
    }
    if count > MOST_INVOICES {
        fields.wrong(field, "TOO_MANY_ITEMS", "Name at most 100 invoices.");
    }
}

fn owned(parent: &Name, owner: String, invoices: Vec<(Id<Invoice>, Expected)>, foreign: bool) -> Result<Owned, AppError> {
    if foreign {
        return Err(Refusal::not_found().into());
    }
    Ok(Owned { customer: Id::from_uuid(parent.id(0)), owner, invoices, breach: None })
}

/// Blocks invoices for an owner.
pub fn block_for_owner(request: Request<pb::BlockForOwnerRequest>) -> Result<(Call, Owned, BlockReason), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let owner = owner(&mut fields, &message.owner);
    let reason = block_reason(&mut fields, "reason", message.reason);
    bounded(&mut fields, "invoices", message.invoices.len());
    let (mut invoices, mut foreign): (Vec<(Id<Invoice>, Expected)>, _) = (Vec::new(), false);
    for (place, own) in message.invoices.iter().take(MOST_INVOICES).enumerate() {
        let (id, alien) = own_invoice(&mut fields, &parent, &format!("invoices[{place}].invoice"), &own.invoice);
        let field = format!("invoices[{place}].expected_open");
        let expected = match &own.expected_open {
            Some(open) => Expected::AtMost(fields.money(&field, Some(open), Digits::MinorUnit)),
            None if own.nothing_open => Expected::Nothing,
            None => Expected::Anything,
        };
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
    let owner = owner(&mut fields, &message.owner);
    let (invoices, foreign) = own_invoices(&mut fields, &parent, "invoices", &message.invoices);
    let invoices = invoices.into_iter().map(|id| (id, Expected::Anything)).collect();
    let breach = fields.optional_date("breach_date", message.breach_date.as_ref()).map(|day| (day, message.due_at_once));
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    Ok((call, Owned { breach, ..owned(&parent, owner, invoices, foreign)? }))
}

/// A plan's name, whose ids may look like a card number, or another owner's text.
fn owner(fields: &mut Fields, text: &str) -> String {
    match names::parse(text, &["customers", "plans"]) {
        Some(_) => text.to_owned(),
        None => fields.text("owner", text, 1, 200),
    }
}

/// What an owner collects.
#[derive(Debug, Clone)]
pub struct Collect {
    /// Whose invoices they are.
    pub customer: Id<Customer>,
    /// Whose block stands.
    pub owner: String,
    /// The invoices.
    pub invoices: Vec<Id<Invoice>>,
    /// How much.
    pub amount: Money,
    /// How much falls due later.
    pub later: Option<Money>,
    /// The owner's word for the try.
    pub reference: String,
    /// When the customer was told.
    pub told_at: Option<DateTime<Utc>>,
}

/// Collects for an owner.
pub fn collect_for_owner(request: Request<pb::CollectForOwnerRequest>) -> Result<(Call, Collect), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let owner = owner(&mut fields, &message.owner);
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    // An id may look like a card number; it is none.
    let reference = match names::uuid(&message.reference) {
        Some(_) => message.reference.clone(),
        None => fields.text("reference", &message.reference, 1, 100),
    };
    let later = message.later.as_ref().map(|later| fields.money("later", Some(later), Digits::MinorUnit));
    let told_at = fields.optional_instant("notice_time", message.notice_time.as_ref());
    let (invoices, foreign) = own_invoices(&mut fields, &parent, "invoices", &message.invoices);
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    if foreign {
        return Err(Refusal::not_found().into());
    }
    Ok((call, Collect { customer: Id::from_uuid(parent.id(0)), owner, invoices, amount, later, reference, told_at }))
}

/// Names of 1 to 100 invoices of one customer, each once; true where one is another customer's.
pub fn own_invoices(fields: &mut Fields, parent: &Name, field: &str, names: &[String]) -> (Vec<Id<Invoice>>, bool) {
    bounded(fields, field, names.len());
    let (mut invoices, mut foreign) = (Vec::new(), false);
    for (place, name) in names.iter().take(MOST_INVOICES).enumerate() {
        let (id, alien) = own_invoice(fields, parent, &format!("{field}[{place}]"), name);
        if invoices.contains(&id) {
            fields.wrong(&format!("{field}[{place}]"), "DUPLICATE_ITEM", "Name each invoice once.");
        }
        invoices.push(id);
        foreign |= alien;
    }
    (invoices, foreign)
}
