//! Draws of payments of invoices, and draws as they are shown.

use super::names::{DRAW, LINE, customer_name, draw_name, line_ref};
use crate::commands::{
    draws::{AuthorizeForPayment, DrawRef, ListDraws, PaymentRef},
    lines::LineRef,
};
use payterms_chassis::{
    AppError, Call, Fields,
    fields::Digits,
    filter::{Field, Kind},
    listing::{BY_CREATION, ListRequest, ListSpec, Listing, Order, UPDATE_TIME},
    names::Name,
    render::{date, decimal, money, timestamp},
};
use payterms_credit_domain::{
    Customer, Draw, DrawState, Invoice, Line,
    draw::InPlan,
    purchase::{Item, Sold},
};
use payterms_kernel::{Id, Money, Reason, Refusal, TenantId};
use payterms_proto::{
    credit::{peers::v1 as peers, v1 as pb},
    invoicing::v1::InvoiceLine,
};
use rust_decimal::Decimal;
use tonic::Request;

/// Invoices of one payment.
const MOST_INVOICES: usize = 100;

fn payment_ref(fields: &mut Fields, line: &str, payment: &str) -> (PaymentRef, bool) {
    let line = fields.name("name", line, LINE);
    let payment = fields.name("payment", payment, &["customers", "payments"]);
    let foreign = is_foreign(&line, &payment);
    (PaymentRef { line: line_ref(&line), payment: payment.id(1) }, foreign)
}

fn is_foreign(line: &Name, other: &Name) -> bool {
    other.tenant != line.tenant || other.id(0) != line.id(0)
}

/// What a payment and invoices of another customer are named for does not exist.
fn of_one_customer<T>(foreign: bool, parsed: T) -> Result<T, AppError> {
    if foreign { Err(Refusal::not_found().into()) } else { Ok(parsed) }
}

/// Names a line to draw on.
pub fn get_line_means(request: Request<peers::GetLineMeansRequest>) -> Result<LineRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, LINE);
    fields.finish()?;
    Ok(line_ref(&name))
}

/// Reserves for a payment.
pub fn authorize_for_payment(
    request: Request<peers::AuthorizeForPaymentRequest>,
) -> Result<(Call, AuthorizeForPayment), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let (payment, mut foreign) = payment_ref(&mut fields, &message.name, &message.payment);
    if message.invoices.is_empty() {
        fields.wrong("invoices", Reason::FIELD_REQUIRED, "Name 1 to 100 invoices.");
    }
    if message.invoices.len() > MOST_INVOICES {
        fields.wrong("invoices", Reason::TOO_MANY_ITEMS, "Name at most 100 invoices.");
    }
    let mut invoices: Vec<(Id<Invoice>, Money)> = Vec::new();
    for (index, to_defer) in message.invoices.iter().take(MOST_INVOICES).enumerate() {
        let name = fields.name(
            &format!("invoices[{index}].invoice"),
            &to_defer.invoice,
            &["customers", "invoices"],
        );
        foreign |= name.tenant != payment.line.tenant || name.id(0) != payment.line.customer.uuid();
        let amount = fields.money(
            &format!("invoices[{index}].amount"),
            to_defer.amount.as_ref(),
            Digits::MinorUnit,
        );
        let invoice = Id::from_uuid(name.id(1));
        if invoices.iter().any(|(other, _)| *other == invoice) {
            fields.wrong(
                &format!("invoices[{index}].invoice"),
                Reason::DUPLICATE_ITEM,
                "Name each invoice once.",
            );
        }
        invoices.push((invoice, amount));
    }
    let call = fields.write(&message.request_id, payment.line.tenant.clone())?;
    of_one_customer(foreign, (call, AuthorizeForPayment { payment, invoices }))
}

/// Captures what a payment has reserved.
pub fn capture_for_payment(
    request: Request<peers::CaptureForPaymentRequest>,
) -> Result<(Call, PaymentRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let (payment, foreign) = payment_ref(&mut fields, &message.name, &message.payment);
    let call = fields.write(&message.request_id, payment.line.tenant.clone())?;
    of_one_customer(foreign, (call, payment))
}

/// Gives back what a payment has reserved.
pub fn void_for_payment(
    request: Request<peers::VoidForPaymentRequest>,
) -> Result<(Call, PaymentRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let (payment, foreign) = payment_ref(&mut fields, &message.name, &message.payment);
    let call = fields.write(&message.request_id, payment.line.tenant.clone())?;
    of_one_customer(foreign, (call, payment))
}

/// Names a draw.
pub(super) fn draw_ref(name: &Name) -> DrawRef {
    DrawRef { line: line_ref(name), draw: Id::from_uuid(name.id(2)) }
}

/// Names a draw to read.
pub fn get_draw(request: Request<pb::GetDrawRequest>) -> Result<DrawRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, DRAW);
    fields.finish()?;
    Ok(draw_ref(&name))
}

const DRAWS: ListSpec = ListSpec {
    filters: &[
        Field {
            name: "state",
            kind: Kind::Choice(&["AUTHORIZED", "CAPTURED", "VOIDED", "EXPIRED"]),
        },
        Field { name: "customer", kind: Kind::Name(&["customers"]) },
        Field { name: "credit_line", kind: Kind::Name(LINE) },
        Field { name: "invoice", kind: Kind::Name(&["customers", "invoices"]) },
        Field { name: "payment", kind: Kind::Name(&["customers", "payments"]) },
        Field { name: "currency", kind: Kind::Currency },
        Field { name: "amount", kind: Kind::Amount },
        Field { name: "purchase_date", kind: Kind::Date },
        Field { name: "due_date", kind: Kind::Date },
        Field::CREATE_TIME,
        Field::UPDATE_TIME,
    ],
    orders: &[BY_CREATION, UPDATE_TIME],
    default: Order::NEWEST,
};

/// Asks for draws.
pub fn list_draws(request: Request<pb::ListDrawsRequest>) -> Result<ListDraws, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let pb::ListDrawsRequest { parent, page_size, page_token, filter, order_by } = &message;
    let named = fields.parent("parent", parent, LINE);
    let request = ListRequest { parent, page_size: *page_size, page_token, filter, order_by };
    let listing = Listing::parse(&mut fields, &DRAWS, request);
    fields.finish()?;
    let (customer, line) = (named.id(0).map(Id::from_uuid), named.id(1).map(Id::from_uuid));
    Ok(ListDraws { tenant: named.tenant, customer, line, listing })
}

fn invoice_line(item: &Item, quantity: Decimal) -> InvoiceLine {
    InvoiceLine {
        description: item.description.clone(),
        quantity: Some(decimal(quantity)),
        unit_price: Some(money(item.unit_price)),
        tax_category: item.tax_category.clone(),
        amount: item.amount_of(quantity).ok().map(money),
        ..InvoiceLine::default()
    }
}

/// A draw of a line, with what it sells.
#[must_use]
pub fn whole_draw(tenant: &TenantId, line: &Line, whole: &Draw) -> pb::Draw {
    let sold = |sold: &Sold| pb::DrawLine {
        line: Some(invoice_line(&sold.item, sold.item.quantity)),
        rate_percent: Some(decimal(sold.rate_percent)),
        tax_sentence: sold.sentence.clone(),
        captured_quantity: Some(decimal(sold.captured)),
    };
    let lines = whole.purchase.iter().flat_map(|purchase| &purchase.lines).map(sold).collect();
    pb::Draw { lines, ..draw(tenant, line, whole) }
}

/// A draw of a line, as lists show it.
#[must_use]
pub fn draw(tenant: &TenantId, line: &Line, draw: &Draw) -> pb::Draw {
    use pb::draw::State;
    let customer = customer_name(tenant, line.customer);
    let state = match draw.state {
        DrawState::Authorized => State::Authorized,
        DrawState::Captured => State::Captured,
        DrawState::Voided => State::Voided,
        DrawState::Expired => State::Expired,
    };
    pb::Draw {
        name: draw_name(tenant, line, draw),
        state: state.into(),
        amount: Some(money(draw.amount)),
        captured: Some(money(draw.captured)),
        repaid: Some(money(draw.repaid)),
        invoice: draw.invoice.map(|id| format!("{customer}/invoices/{id}")).unwrap_or_default(),
        payment: draw.payment.map(|id| format!("{customer}/payments/{id}")).unwrap_or_default(),
        expire_time: draw.expires_at().map(timestamp),
        description: draw
            .purchase
            .as_ref()
            .map(|purchase| purchase.description.clone())
            .unwrap_or_default(),
        lines: Vec::new(),
        collect_automatically: draw
            .purchase
            .as_ref()
            .is_some_and(|purchase| purchase.collect_automatically),
        purchase_date: draw.purchased_on.map(date),
        due_date: draw.due_on.map(date),
        create_time: Some(timestamp(draw.created_at)),
        update_time: Some(timestamp(draw.updated_at)),
    }
}

/// The names of an invoice in a payment plan and of the plan.
#[must_use]
pub fn in_plan(
    tenant: &TenantId,
    customer: Id<Customer>,
    invoice: Id<Invoice>,
    plan: String,
) -> InPlan {
    InPlan { invoice: format!("{}/invoices/{invoice}", customer_name(tenant, customer)), plan }
}
