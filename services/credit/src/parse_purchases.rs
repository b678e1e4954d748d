//! Requests about purchases → commands of the domain.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use crate::{
    parse::{LINE, LineRef, line_ref},
    use_cases::purchase::Command,
};
use payterms_chassis::{AppError, Call, Fields, fields::Digits};
use payterms_credit_domain::{
    Draw,
    purchase::{Asked, Item, Part},
};
use payterms_kernel::Id;
use payterms_proto::{credit::v1 as pb, google::r#type::Decimal as DecimalMessage, invoicing::v1::InvoiceLine};
use rust_decimal::Decimal;
use tonic::Request;

/// Lines of one purchase, as of an invoice.
const MOST_LINES: usize = 500;
/// The largest quantity of a line.
const MOST_QUANTITY: i64 = 1_000_000_000;

/// Names a draw.
#[derive(Debug, Clone)]
pub struct DrawRef {
    /// Its line.
    pub line: LineRef,
    /// The draw.
    pub draw: Id<Draw>,
}

fn draw_ref(fields: &mut Fields, text: &str) -> DrawRef {
    let name = fields.name("name", text, &["customers", "creditLines", "draws"]);
    DrawRef { line: line_ref(&name), draw: Id::from_uuid(name.id(2)) }
}

fn quantity(fields: &mut Fields, field: &str, told: Option<&DecimalMessage>) -> Decimal {
    fields.decimal(field, told, 6, Decimal::new(1, 6), Decimal::from(MOST_QUANTITY))
}

fn item(fields: &mut Fields, place: usize, line: &InvoiceLine) -> Item {
    let at = |name: &str| format!("lines[{place}].{name}");
    if !line.tax_category.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        fields.wrong(&at("tax_category"), "FIELD_INVALID_CHARS", "Use lower-case letters, digits and underscores.");
    }
    Item {
        description: fields.text(&at("description"), &line.description, 1, 200),
        quantity: match &line.quantity {
            None => Decimal::ONE,
            told => quantity(fields, &at("quantity"), told.as_ref()),
        },
        unit_price: fields.money(&at("unit_price"), line.unit_price.as_ref(), Digits::Wallet),
        tax_category: fields.text(&at("tax_category"), &line.tax_category, 0, 40),
    }
}

/// Authorises a purchase.
pub fn authorize(request: Request<pb::AuthorizeDrawRequest>) -> Result<(Call, Command), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, LINE);
    if message.lines.is_empty() {
        fields.wrong("lines", "FIELD_REQUIRED", "Write 1 to 500 lines.");
    }
    if message.lines.len() > MOST_LINES {
        fields.wrong("lines", "TOO_MANY_ITEMS", "Write at most 500 lines.");
    }
    let items = message.lines.iter().take(MOST_LINES).enumerate().map(|(place, line)| item(&mut fields, place, line)).collect();
    let asked = Asked {
        items,
        description: fields.text("description", &message.description, 0, 1_000),
        collect_automatically: message.collect_automatically,
        expires_at: fields.optional_instant("expire_time", message.expire_time.as_ref()),
    };
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    Ok((call, Command::Authorize(line_ref(&parent), asked)))
}

/// Captures a purchase.
pub fn capture(request: Request<pb::CaptureDrawRequest>) -> Result<(Call, Command), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let named = draw_ref(&mut fields, &message.name);
    if message.lines.len() > MOST_LINES {
        fields.wrong("lines", "TOO_MANY_ITEMS", "Name at most 500 lines.");
    }
    let mut parts: Vec<Part> = Vec::new();
    for (at, told) in message.lines.iter().take(MOST_LINES).enumerate() {
        let place = fields.number(&format!("lines[{at}].place"), told.place, 1..=500);
        let place = usize::try_from(place).unwrap_or_default().saturating_sub(1);
        if parts.iter().any(|(other, _)| *other == place) {
            fields.wrong(&format!("lines[{at}].place"), "DUPLICATE_ITEM", "Name each line once.");
        }
        let many = told.quantity.as_ref().map(|own| quantity(&mut fields, &format!("lines[{at}].quantity"), Some(own)));
        parts.push((place, many));
    }
    let call = fields.write(&message.request_id, named.line.tenant.clone())?;
    Ok((call, Command::Capture(named, parts)))
}

/// Releases a purchase.
pub fn void(request: Request<pb::VoidDrawRequest>) -> Result<(Call, Command), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let named = draw_ref(&mut fields, &message.name);
    let call = fields.write(&message.request_id, named.line.tenant.clone())?;
    Ok((call, Command::Void(named)))
}
