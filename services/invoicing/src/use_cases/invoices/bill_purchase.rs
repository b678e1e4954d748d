//! Makes the one invoice of a purchase that credit has captured: numbered, OPEN, deferred, due by
//! the line's term from the day of the purchase.

use super::save::{publish_invoice, take_number};
use crate::{
    store::{customers, invoices, tenants},
    use_cases::{
        collections::schedule::schedule_collections, mails::invoice_notices::mail_issued_invoice,
    },
};
use payterms_chassis::{
    AppError, WriteTx, columns, kill, names,
    render::{date_of, money_of},
};
use payterms_invoicing_domain::{
    Content, Invoice, Line, Rate,
    deferral::{Deferral, Deferred},
    purchase::Sale,
};
use payterms_kernel::{
    Id,
    calendar::{day_in, start_of_day},
    money::parse_decimal,
};
use payterms_proto::{credit::v1::PurchaseCaptured, google::r#type::Decimal as DecimalMessage};
use rust_decimal::Decimal;

/// Bills a purchase; one that has its invoice is left alone.
///
/// # Errors
/// `Fault` for what no service of ours can have told.
pub async fn bill_purchase(tx: &mut WriteTx, event: &PurchaseCaptured) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let draw = event.draw.clone().unwrap_or_default();
    let fault = || AppError::Fault(format!("the purchase {:?}", draw.name));
    let name = names::parse(&draw.invoice, &["customers", "invoices"]).ok_or_else(fault)?;
    let id: Id<Invoice> = Id::from_uuid(name.id(1));
    if !invoices::find_many(tx.conn(), &tenant, &[id]).await?.is_empty() {
        return Ok(());
    }
    let seller = tenants::find(tx.conn(), &tenant).await?.ok_or_else(fault)?;
    let buyer =
        customers::find(tx.conn(), &tenant, Id::from_uuid(name.id(0))).await?.ok_or_else(fault)?;
    let sale = sale(tx, event, id)?;
    let now = tx.now();
    let invoice = take_number(tx, |series, today| {
        Invoice::of_sale(&seller, &buyer, sale, series, today, now)
    })
    .await?;
    invoices::save_draft(tx.conn(), &tenant, &invoice).await?;
    schedule_collections(tx, std::slice::from_ref(&invoice)).await?;
    publish_invoice(tx, &invoice).await?;
    mail_issued_invoice(tx, &invoice).await?;
    kill::point("purchase.before_invoice");
    Ok(())
}

fn decimal(event: Option<&DecimalMessage>) -> Result<Decimal, AppError> {
    Ok(event.map(|number| parse_decimal(&number.value, 6)).transpose()?.unwrap_or_default())
}

/// What was captured of the purchase.
fn sale(tx: &WriteTx, event: &PurchaseCaptured, id: Id<Invoice>) -> Result<Sale, AppError> {
    let draw = event.draw.clone().unwrap_or_default();
    let fault = || AppError::Fault(format!("the purchase {:?}", draw.name));
    let name =
        names::parse(&draw.name, &["customers", "creditLines", "draws"]).ok_or_else(fault)?;
    let (mut lines, mut rates) =
        (Vec::with_capacity(draw.lines.len()), Vec::with_capacity(draw.lines.len()));
    for draw_line in &draw.lines {
        let (line, quantity) = (
            draw_line.line.clone().unwrap_or_default(),
            decimal(draw_line.captured_quantity.as_ref())?,
        );
        if quantity.is_zero() {
            continue;
        }
        let unit_price = line.unit_price.as_ref().and_then(money_of).ok_or_else(fault)?;
        lines.push(Line::plain(line.description, quantity, unit_price, line.tax_category));
        rates.push(Rate {
            percent: decimal(draw_line.rate_percent.as_ref())?,
            sentence: draw_line.tax_sentence.clone(),
        });
    }
    let amount = draw.captured.as_ref().and_then(money_of).ok_or_else(fault)?;
    let purchased_on = draw.purchase_date.as_ref().and_then(date_of).ok_or_else(fault)?;
    let due_on = draw.due_date.as_ref().and_then(date_of).ok_or_else(fault)?;
    let term = event.payment_term.unwrap_or_default();
    let (zone, now) = (tx.time().zone, tx.now());
    let content = Content {
        prices_include_tax: true,
        term: columns::term(
            term.kind().as_str_name().trim_start_matches("KIND_"),
            term.days.into(),
        )?,
        lines,
        discount: None,
        supply_date: Some(purchased_on).filter(|day| *day != day_in(zone, now)),
        memo: draw.description.clone(),
        collect_automatically: draw.collect_automatically,
    };
    let deferral = Deferral {
        line: name.id(1),
        draw: name.id(2),
        amount,
        purchased_on,
        plans_allowed: event.plans_allowed,
    };
    let deferred =
        Deferred { invoice: id, deferral, due_on, collect_at: start_of_day(zone, due_on).max(now) };
    Ok(Sale { content, rates, currency: amount.currency(), deferred })
}
