//! Purchases without an invoice.

use super::{
    draws::{draw_ref, whole_draw},
    names::{DRAW, LINE, line_ref},
};
use crate::commands::{draws::DrawRef, purchases::PurchaseCommand};
use payterms_chassis::{AppError, Call, Fields, fields::Digits, render::term};
use payterms_credit_domain::{
    Draw, Line,
    purchase::{Item, Part, PurchaseRequest},
};
use payterms_kernel::{Reason, TenantId};
use payterms_proto::{
    credit::v1 as pb, google::r#type::Decimal as DecimalMessage, invoicing::v1::InvoiceLine,
};
use rust_decimal::Decimal;
use tonic::Request;

/// Lines of one purchase, as of an invoice.
const MOST_LINES: usize = 500;
/// The largest quantity of a line.
const MOST_QUANTITY: i64 = 1_000_000_000;

fn named_draw(fields: &mut Fields, text: &str) -> DrawRef {
    draw_ref(&fields.name("name", text, DRAW))
}

fn quantity(fields: &mut Fields, field: &str, quantity: Option<&DecimalMessage>) -> Decimal {
    fields.decimal(field, quantity, 6, Decimal::new(1, 6), Decimal::from(MOST_QUANTITY))
}

fn item(fields: &mut Fields, index: usize, line: &InvoiceLine) -> Item {
    let at = |name: &str| format!("lines[{index}].{name}");
    if !line.tax_category.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    {
        fields.wrong(
            &at("tax_category"),
            Reason::FIELD_INVALID_CHARS,
            "Use lower-case letters, digits and underscores.",
        );
    }
    if line.discount.is_some() {
        fields.wrong(
            &at("discount"),
            Reason::DISCOUNT_INVALID,
            "A purchase takes no discount. Write the price that is paid.",
        );
    }
    Item {
        description: fields.printed(&at("description"), &line.description, 1, 200),
        quantity: match &line.quantity {
            None => Decimal::ONE,
            stated => quantity(fields, &at("quantity"), stated.as_ref()),
        },
        unit_price: fields.money(&at("unit_price"), line.unit_price.as_ref(), Digits::Wallet),
        tax_category: fields.text(&at("tax_category"), &line.tax_category, 0, 40),
    }
}

/// Authorises a purchase.
pub fn authorize_draw(
    request: Request<pb::AuthorizeDrawRequest>,
) -> Result<(Call, PurchaseCommand), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, LINE);
    if message.lines.is_empty() {
        fields.wrong("lines", Reason::FIELD_REQUIRED, "Write 1 to 500 lines.");
    }
    if message.lines.len() > MOST_LINES {
        fields.wrong("lines", Reason::TOO_MANY_ITEMS, "Write at most 500 lines.");
    }
    let items = message
        .lines
        .iter()
        .take(MOST_LINES)
        .enumerate()
        .map(|(index, line)| item(&mut fields, index, line))
        .collect();
    let purchase = PurchaseRequest {
        items,
        description: fields.printed("description", &message.description, 0, 1_000),
        collect_automatically: message.collect_automatically,
        expires_at: fields.optional_instant("expire_time", message.expire_time.as_ref()),
    };
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    Ok((call, PurchaseCommand::Authorize(line_ref(&parent), purchase)))
}

/// Captures a purchase.
pub fn capture_draw(
    request: Request<pb::CaptureDrawRequest>,
) -> Result<(Call, PurchaseCommand), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let draw = named_draw(&mut fields, &message.name);
    if message.lines.len() > MOST_LINES {
        fields.wrong("lines", Reason::TOO_MANY_ITEMS, "Name at most 500 lines.");
    }
    let mut parts: Vec<Part> = Vec::new();
    for (at, line) in message.lines.iter().take(MOST_LINES).enumerate() {
        let place = fields.number(&format!("lines[{at}].place"), line.place, 1..=500);
        let place = usize::try_from(place).unwrap_or_default().saturating_sub(1);
        if parts.iter().any(|(other, _)| *other == place) {
            fields.wrong(
                &format!("lines[{at}].place"),
                Reason::DUPLICATE_ITEM,
                "Name each line once.",
            );
        }
        let many = line
            .quantity
            .as_ref()
            .map(|part| quantity(&mut fields, &format!("lines[{at}].quantity"), Some(part)));
        parts.push((place, many));
    }
    let call = fields.write(&message.request_id, draw.line.tenant.clone())?;
    Ok((call, PurchaseCommand::Capture(draw, parts)))
}

/// Releases a purchase.
pub fn void_draw(
    request: Request<pb::VoidDrawRequest>,
) -> Result<(Call, PurchaseCommand), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let draw = named_draw(&mut fields, &message.name);
    let call = fields.write(&message.request_id, draw.line.tenant.clone())?;
    Ok((call, PurchaseCommand::Void(draw)))
}

/// What a captured purchase has sold.
#[must_use]
pub fn purchase_captured(tenant: &TenantId, line: &Line, draw: &Draw) -> pb::PurchaseCaptured {
    pb::PurchaseCaptured {
        draw: Some(whole_draw(tenant, line, draw)),
        payment_term: Some(term(line.term)),
        plans_allowed: draw.purchase.as_ref().is_some_and(|purchase| purchase.plans_allowed),
    }
}
