//! Requests about draws → commands of the domain.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use crate::parse::{LINE, LineRef, line_ref};
use payterms_chassis::{AppError, Call, Fields, fields::Digits, names::Name, page::Page};
use payterms_credit_domain::{Draw, Invoice};
use payterms_kernel::{Id, Money, Refusal};
use payterms_proto::credit::v1 as pb;
use tonic::Request;
use uuid::Uuid;

/// Invoices of one payment.
const MOST_INVOICES: usize = 100;

/// Names a payment on a line.
#[derive(Debug, Clone)]
pub struct PaymentRef {
    /// The line.
    pub line: LineRef,
    /// The payment.
    pub payment: Uuid,
}

fn payment_ref(fields: &mut Fields, line: &str, payment: &str) -> (PaymentRef, bool) {
    let line = fields.name("name", line, LINE);
    let payment = fields.name("payment", payment, &["customers", "payments"]);
    let foreign = is_foreign(&line, &payment);
    (PaymentRef { line: line_ref(&line), payment: payment.id(1) }, foreign)
}

fn is_foreign(line: &Name, other: &Name) -> bool {
    other.tenant != line.tenant || other.id(0) != line.id(0)
}

fn own<T>(foreign: bool, asked: T) -> Result<T, AppError> {
    if foreign { Err(Refusal::not_found().into()) } else { Ok(asked) }
}

/// Names a line to draw on.
pub fn means(request: Request<pb::GetLineMeansRequest>) -> Result<LineRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, LINE);
    fields.finish()?;
    Ok(line_ref(&name))
}

/// What is drawn for which invoice.
pub type ToDefer = Vec<(Id<Invoice>, Money)>;

/// Reserves for a payment.
pub fn authorize(request: Request<pb::AuthorizeForPaymentRequest>) -> Result<(Call, PaymentRef, ToDefer), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let (named, mut foreign) = payment_ref(&mut fields, &message.name, &message.payment);
    if message.invoices.is_empty() {
        fields.wrong("invoices", "FIELD_REQUIRED", "Name 1 to 100 invoices.");
    }
    if message.invoices.len() > MOST_INVOICES {
        fields.wrong("invoices", "TOO_MANY_ITEMS", "Name at most 100 invoices.");
    }
    let mut to_defer: ToDefer = Vec::new();
    for (place, told) in message.invoices.iter().take(MOST_INVOICES).enumerate() {
        let name = fields.name(&format!("invoices[{place}].invoice"), &told.invoice, &["customers", "invoices"]);
        foreign |= name.tenant != named.line.tenant || name.id(0) != named.line.customer.uuid();
        let amount = fields.money(&format!("invoices[{place}].amount"), told.amount.as_ref(), Digits::MinorUnit);
        let invoice = Id::from_uuid(name.id(1));
        if to_defer.iter().any(|(other, _)| *other == invoice) {
            fields.wrong(&format!("invoices[{place}].invoice"), "DUPLICATE_ITEM", "Name each invoice once.");
        }
        to_defer.push((invoice, amount));
    }
    let call = fields.write(&message.request_id, named.line.tenant.clone())?;
    own(foreign, (call, named, to_defer))
}

/// Captures what a payment has reserved.
pub fn capture(request: Request<pb::CaptureForPaymentRequest>) -> Result<(Call, PaymentRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let (named, foreign) = payment_ref(&mut fields, &message.name, &message.payment);
    let call = fields.write(&message.request_id, named.line.tenant.clone())?;
    own(foreign, (call, named))
}

/// Gives back what a payment has reserved.
pub fn void(request: Request<pb::VoidForPaymentRequest>) -> Result<(Call, PaymentRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let (named, foreign) = payment_ref(&mut fields, &message.name, &message.payment);
    let call = fields.write(&message.request_id, named.line.tenant.clone())?;
    own(foreign, (call, named))
}

/// Names a draw to read.
pub fn get(request: Request<pb::GetDrawRequest>) -> Result<(LineRef, Id<Draw>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers", "creditLines", "draws"]);
    fields.finish()?;
    Ok((line_ref(&name), Id::from_uuid(name.id(2))))
}

/// Asks for draws.
pub fn list(request: Request<pb::ListDrawsRequest>) -> Result<(LineRef, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, LINE);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok((line_ref(&parent), page))
}
