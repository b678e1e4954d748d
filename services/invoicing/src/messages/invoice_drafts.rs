//! Drafts of invoices: requests → commands.

use super::{
    discounts::discount,
    refs::{INVOICE, invoice_ref},
    tax_rules::tax_category,
};
use crate::commands::invoices::{CreateInvoice, DraftFields, InvoiceRef, UpdateInvoice};
use chrono::NaiveDate;
use payterms_chassis::{AppError, Call, Fields, fields::Digits};
use payterms_invoicing_domain::{Content, Line};
use payterms_kernel::{Id, Marks, Reason, calendar::PaymentTerm};
use payterms_proto::invoicing::v1 as pb;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use tonic::Request;

/// Lines of one invoice.
const MOST_LINES: usize = 500;

/// The largest quantity of a line.
const MOST_QUANTITY: i64 = 1_000_000_000;

/// A field is checked when it will be used.
fn draft_fields(
    fields: &mut Fields,
    invoice: &pb::Invoice,
    used: impl Fn(&str) -> bool,
) -> DraftFields {
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
            discount: invoice
                .discount
                .as_ref()
                .filter(|_| used("discount"))
                .map(|each| discount(fields, "invoice.discount", each)),
            supply_date: supply_date(fields, invoice, &used),
            collect_automatically: invoice.collect_automatically,
            memo: if used("memo") {
                fields.printed("invoice.memo", &invoice.memo, 0, 1_000)
            } else {
                String::new()
            },
        },
        marks: Marks {
            external_id: if used("external_id") {
                fields.external_id("invoice.external_id", &invoice.external_id)
            } else {
                None
            },
            labels: if used("labels") {
                fields.labels("invoice.labels", &invoice.labels)
            } else {
                BTreeMap::new()
            },
        },
        etag: fields.token("invoice.etag", &invoice.etag, 0, 100),
    }
}

fn supply_date(
    fields: &mut Fields,
    invoice: &pb::Invoice,
    used: impl Fn(&str) -> bool,
) -> Option<NaiveDate> {
    if used("supply_date") {
        fields.optional_date("invoice.supply_date", invoice.supply_date.as_ref())
    } else {
        None
    }
}

fn lines(fields: &mut Fields, lines: &[pb::InvoiceLine]) -> Vec<Line> {
    if lines.is_empty() {
        fields.wrong("invoice.lines", Reason::FIELD_REQUIRED, "Write 1 to 500 lines.");
    }
    if lines.len() > MOST_LINES {
        fields.wrong("invoice.lines", Reason::TOO_MANY_ITEMS, "Write at most 500 lines.");
        return Vec::new();
    }
    lines.iter().enumerate().map(|(place, line)| parse_line(fields, place, line)).collect()
}

fn parse_line(fields: &mut Fields, place: usize, line: &pb::InvoiceLine) -> Line {
    let at = |name: &str| format!("invoice.lines[{place}].{name}");
    let quantity = match &line.quantity {
        None => Decimal::ONE,
        quantity => fields.decimal(
            &at("quantity"),
            quantity.as_ref(),
            6,
            Decimal::new(1, 6),
            Decimal::from(MOST_QUANTITY),
        ),
    };
    let parsed = Line {
        description: fields.printed(&at("description"), &line.description, 1, 200),
        quantity,
        unit_price: fields.signed_money(
            &at("unit_price"),
            line.unit_price.as_ref(),
            Digits::Wallet,
        ),
        tax_category: tax_category(fields, &at("tax_category"), &line.tax_category),
        discount: line.discount.as_ref().map(|each| discount(fields, &at("discount"), each)),
        of_whole_discount: false,
    };
    if let Some(fault) = parsed.discount_fault() {
        fields.wrong(&at("discount"), Reason::DISCOUNT_INVALID, fault);
    }
    parsed
}

/// Writes a draft.
pub fn create_invoice(
    request: Request<pb::CreateInvoiceRequest>,
) -> Result<(Call, CreateInvoice), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    if message.invoice.is_none() {
        fields.wrong("invoice", Reason::FIELD_REQUIRED, "Describe the invoice.");
    }
    let invoice = message.invoice.unwrap_or_default();
    let currency = fields.currency("invoice.currency_code", &invoice.currency_code);
    let draft = draft_fields(&mut fields, &invoice, |_| true);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((
        call,
        CreateInvoice {
            customer: Id::from_uuid(name.id(0)),
            currency,
            content: draft.content,
            marks: draft.marks,
        },
    ))
}

/// Changes a draft.
pub fn update_invoice(
    request: Request<pb::UpdateInvoiceRequest>,
) -> Result<(Call, UpdateInvoice), AppError> {
    const CHANGING: [&str; 9] = [
        "prices_include_tax",
        "payment_term",
        "lines",
        "discount",
        "supply_date",
        "memo",
        "collect_automatically",
        "external_id",
        "labels",
    ];
    let (mut fields, message) = Fields::open(request)?;
    let paths = fields.mask(message.update_mask.as_ref(), &CHANGING);
    let invoice = message.invoice.unwrap_or_default();
    let name = fields.name("invoice.name", &invoice.name, INVOICE);
    let draft = draft_fields(&mut fields, &invoice, |path| paths.iter().any(|text| text == path));
    let update = UpdateInvoice { invoice: invoice_ref(&fields, &name), fields: draft, paths };
    Ok((fields.write(&message.request_id, name.tenant.clone())?, update))
}

/// Drops a draft.
pub fn delete_invoice(
    request: Request<pb::DeleteInvoiceRequest>,
) -> Result<(Call, InvoiceRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let named = invoice_ref(&fields, &name);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, named))
}
