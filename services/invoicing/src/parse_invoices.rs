//! Requests about invoices and credit notes → commands of the domain.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use crate::{parse::category, parse_collections::own_invoices};
use chrono::NaiveDate;
use payterms_chassis::{AppError, Call, Fields, access::Grant, fields::Digits, names::Name, page::Page};
use payterms_invoicing_domain::{BlockReason, Content, Customer, Invoice, InvoiceState, Line};
use payterms_kernel::{Currency, Id, Money, Refusal, TenantId, calendar::PaymentTerm};
use payterms_proto::invoicing::v1 as pb;
use rust_decimal::Decimal;
use tonic::Request;

/// The collections of an invoice's name.
pub const INVOICE: &[&str] = &["customers", "invoices"];
/// Lines of one invoice.
const MOST_LINES: usize = 500;
/// The largest quantity of a line.
const MOST_QUANTITY: i64 = 1_000_000_000;

/// Names an invoice.
#[derive(Debug, Clone)]
pub struct InvoiceRef {
    /// The tenant.
    pub tenant: TenantId,
    /// Who buys.
    pub customer: Id<Customer>,
    /// The invoice.
    pub invoice: Id<Invoice>,
    /// Whether a member of the customer asks: drafts and hidden invoices are not for them.
    pub as_customer: bool,
}

pub(crate) fn invoice_ref(fields: &Fields, name: &Name) -> InvoiceRef {
    InvoiceRef {
        tenant: name.tenant.clone(),
        customer: Id::from_uuid(name.id(0)),
        invoice: Id::from_uuid(name.id(1)),
        as_customer: fields.scope().grant == Grant::OwnCustomer,
    }
}

/// A draft that is written or changed; of a change only what the mask names counts.
#[derive(Debug, Clone)]
pub struct DraftFields {
    /// What it says.
    pub content: Content,
    /// The version that may be changed; empty: any.
    pub etag: String,
}

/// A field is checked when it will be used.
fn draft_fields(fields: &mut Fields, invoice: &pb::Invoice, used: impl Fn(&str) -> bool) -> DraftFields {
    let term = if used("payment_term") {
        fields.term("invoice.payment_term", invoice.payment_term.as_ref())
    } else {
        PaymentTerm::EndOfFollowingMonth
    };
    DraftFields {
        content: Content {
            prices_include_tax: invoice.prices_include_tax,
            term,
            lines: if used("lines") { lines(fields, &invoice.lines) } else { Vec::new() },
            supply_date: supply_date(fields, invoice, &used),
            collect_automatically: invoice.collect_automatically,
            memo: if used("memo") { fields.text("invoice.memo", &invoice.memo, 0, 1_000) } else { String::new() },
        },
        etag: fields.text("invoice.etag", &invoice.etag, 0, 100),
    }
}

fn supply_date(fields: &mut Fields, invoice: &pb::Invoice, used: impl Fn(&str) -> bool) -> Option<NaiveDate> {
    if used("supply_date") { fields.optional_date("invoice.supply_date", invoice.supply_date.as_ref()) } else { None }
}

fn lines(fields: &mut Fields, lines: &[pb::InvoiceLine]) -> Vec<Line> {
    if lines.is_empty() {
        fields.wrong("invoice.lines", "FIELD_REQUIRED", "Write 1 to 500 lines.");
    }
    if lines.len() > MOST_LINES {
        fields.wrong("invoice.lines", "TOO_MANY_ITEMS", "Write at most 500 lines.");
        return Vec::new();
    }
    let mut parsed = Vec::with_capacity(lines.len());
    for (place, line) in lines.iter().enumerate() {
        let at = |name: &str| format!("invoice.lines[{place}].{name}");
        let quantity = match &line.quantity {
            None => Decimal::ONE,
            quantity => fields.decimal(&at("quantity"), quantity.as_ref(), 6, Decimal::new(1, 6), Decimal::from(MOST_QUANTITY)),
        };
        parsed.push(Line {
            description: fields.text(&at("description"), &line.description, 1, 200),
            quantity,
            unit_price: fields.money(&at("unit_price"), line.unit_price.as_ref(), Digits::Wallet),
            tax_category: category(fields, &at("tax_category"), &line.tax_category),
        });
    }
    parsed
}

/// Writes a draft.
pub fn create_invoice(request: Request<pb::CreateInvoiceRequest>) -> Result<(Call, Id<Customer>, Currency, Content), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    if message.invoice.is_none() {
        fields.wrong("invoice", "FIELD_REQUIRED", "Describe the invoice.");
    }
    let invoice = message.invoice.unwrap_or_default();
    let currency = fields.currency("invoice.currency_code", &invoice.currency_code);
    let draft = draft_fields(&mut fields, &invoice, |_| true);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, Id::from_uuid(name.id(0)), currency, draft.content))
}

/// Changes a draft.
pub fn update_invoice(request: Request<pb::UpdateInvoiceRequest>) -> Result<(Call, InvoiceRef, DraftFields, Vec<String>), AppError> {
    const CHANGING: [&str; 6] = ["prices_include_tax", "payment_term", "lines", "supply_date", "memo", "collect_automatically"];
    let (mut fields, message) = Fields::open(request)?;
    let paths = fields.mask(message.update_mask.as_ref(), &CHANGING);
    let invoice = message.invoice.unwrap_or_default();
    let name = fields.name("invoice.name", &invoice.name, INVOICE);
    let draft = draft_fields(&mut fields, &invoice, |path| paths.iter().any(|own| own == path));
    let named = invoice_ref(&fields, &name);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, named, draft, paths))
}

/// Drops a draft.
pub fn delete_invoice(request: Request<pb::DeleteInvoiceRequest>) -> Result<(Call, InvoiceRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let named = invoice_ref(&fields, &name);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, named))
}

/// Issues a draft.
pub fn finalize_invoice(request: Request<pb::FinalizeInvoiceRequest>) -> Result<(Call, InvoiceRef, String), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let etag = fields.text("etag", &message.etag, 0, 100);
    let named = invoice_ref(&fields, &name);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, named, etag))
}

/// Takes an invoice back.
pub fn void_invoice(request: Request<pb::VoidInvoiceRequest>) -> Result<(Call, InvoiceRef, String), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let reason = fields.text("reason", &message.reason, 1, 200);
    let named = invoice_ref(&fields, &name);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, named, reason))
}

/// Gives up what is open.
pub fn write_off_invoice(request: Request<pb::WriteOffInvoiceRequest>) -> Result<(Call, InvoiceRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let named = invoice_ref(&fields, &name);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, named))
}

/// Takes a part off.
pub fn create_credit_note(request: Request<pb::CreateCreditNoteRequest>) -> Result<(Call, InvoiceRef, Money, String), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, INVOICE);
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    let reason = fields.text("reason", &message.reason, 1, 200);
    let named = invoice_ref(&fields, &name);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, named, amount, reason))
}

/// Puts the present details on an invoice.
pub fn correct_invoice(request: Request<pb::CorrectInvoiceRequest>) -> Result<(Call, InvoiceRef, String), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let reason = fields.text("reason", &message.reason, 1, 200);
    let named = invoice_ref(&fields, &name);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, named, reason))
}

/// Asks for the later versions of an invoice.
pub fn list_versions(request: Request<pb::ListInvoiceVersionsRequest>) -> Result<(InvoiceRef, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, INVOICE);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    let named = invoice_ref(&fields, &name);
    fields.finish()?;
    Ok((named, page))
}

/// Names an invoice to read.
pub fn get_invoice(request: Request<pb::GetInvoiceRequest>) -> Result<InvoiceRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let named = invoice_ref(&fields, &name);
    fields.finish()?;
    Ok(named)
}

/// Invoices of one customer.
#[derive(Debug, Clone)]
pub struct BatchGet {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose they are.
    pub customer: Id<Customer>,
    /// The invoices, in the order of the answer.
    pub invoices: Vec<Id<Invoice>>,
    /// Whether a customer asks, who does not see drafts.
    pub as_customer: bool,
}

/// Names invoices to read.
pub fn batch_get_invoices(request: Request<pb::BatchGetInvoicesRequest>) -> Result<BatchGet, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let (invoices, foreign) = own_invoices(&mut fields, &parent, "names", &message.names);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    if foreign {
        return Err(Refusal::not_found().into());
    }
    Ok(BatchGet { tenant: parent.tenant.clone(), customer: Id::from_uuid(parent.id(0)), invoices, as_customer })
}

/// Names an invoice to explain.
pub fn explain_invoice(request: Request<pb::ExplainInvoiceRequest>) -> Result<InvoiceRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let named = invoice_ref(&fields, &name);
    fields.finish()?;
    Ok(named)
}

/// Asks for invoices of a customer.
#[derive(Debug, Clone)]
pub struct ListInvoices {
    /// The tenant.
    pub tenant: TenantId,
    /// Who buys.
    pub customer: Id<Customer>,
    /// Only those of this state.
    pub state: Option<InvoiceState>,
    /// Only those that are blocked for this reason.
    pub blocked_for: Option<BlockReason>,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
    /// Which page.
    pub page: Page,
}

/// A reason of blocks.
pub(crate) fn block_reason(fields: &mut Fields, field: &str, number: i32) -> Option<BlockReason> {
    use pb::block::Reason;
    fields.choice::<Reason>(field, number).and_then(|reason| match reason {
        Reason::Unspecified => None,
        Reason::PaymentPlanProposed => Some(BlockReason::PlanProposed),
        Reason::PaymentPlanActive => Some(BlockReason::PlanActive),
        Reason::Disputed => Some(BlockReason::Disputed),
        Reason::Manual => Some(BlockReason::Manual),
    })
}

/// Asks for invoices.
pub fn list_invoices(request: Request<pb::ListInvoicesRequest>) -> Result<ListInvoices, AppError> {
    use pb::invoice::State;
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    let state = if message.state == 0 { None } else { fields.choice::<State>("state", message.state) };
    let state = state.and_then(|state| match state {
        State::Unspecified => None,
        State::Draft => Some(InvoiceState::Draft),
        State::Open => Some(InvoiceState::Open),
        State::Paid => Some(InvoiceState::Paid),
        State::Void => Some(InvoiceState::Void),
        State::Uncollectible => Some(InvoiceState::Uncollectible),
    });
    let blocked_for = if message.block_reason == 0 { None } else { block_reason(&mut fields, "block_reason", message.block_reason) };
    let list = format!("{} {} {}", message.parent, message.state, message.block_reason);
    let page = Page::parse(&mut fields, &list, message.page_size, &message.page_token);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    Ok(ListInvoices { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)), state, blocked_for, as_customer, page })
}

/// Asks what is open of a customer's invoices.
pub fn get_outstanding(request: Request<pb::GetOutstandingRequest>) -> Result<(TenantId, Id<Customer>, bool), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    Ok((name.tenant.clone(), Id::from_uuid(name.id(0)), as_customer))
}

/// Asks for the credit notes of an invoice.
pub fn list_credit_notes(request: Request<pb::ListCreditNotesRequest>) -> Result<(InvoiceRef, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, INVOICE);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    let named = invoice_ref(&fields, &name);
    fields.finish()?;
    Ok((named, page))
}
