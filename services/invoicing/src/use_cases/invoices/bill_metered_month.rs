//! Bills the month of a metered service that the wallet has closed, once.

use super::{
    announce_usage::announce_usage_invoice,
    save::{issue_draft, publish_invoice},
};
use crate::{
    documents::wording::Language,
    store::{customers, invoice_lists, invoices, metered, tenants},
    use_cases::{
        collections::schedule::schedule_collections, mails::invoice_notices::mail_issued_invoice,
    },
};
use payterms_chassis::{
    AppError, WriteTx, names,
    render::{date_of, money_of},
};
use payterms_invoicing_domain::{Content, Invoice, Line, MeteredService, metered::Billed};
use payterms_kernel::{Id, Money, calendar::month_end, money::parse_decimal};
use payterms_proto::wallet::v1::{MeteredUsageClosed, metered_usage_closed};

/// The most lines by price; what is more comes as one line.
const MOST_PRICES: usize = 400;

/// Bills a month of a metered service. What cannot be issued stays a draft, for the tenant's people
/// to complete.
///
/// # Errors
/// `TAX_UNKNOWN`, and `Fault` for what no service of ours can have told.
pub async fn bill_metered_month(
    tx: &mut WriteTx,
    event: &MeteredUsageClosed,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault(format!("the close of {:?}", event.metered_service));
    let name = names::parse(&event.metered_service, &["customers", "meteredServices"])
        .ok_or_else(fault)?;
    let month = event.month.as_ref().and_then(date_of).ok_or_else(fault)?;
    let service =
        metered::lock(tx.conn(), &tenant, Id::from_uuid(name.id(1))).await?.ok_or_else(fault)?;
    if invoice_lists::is_billed(tx.conn(), &tenant, Billed { service: service.id, month }).await? {
        return Ok(());
    }
    let seller = tenants::find(tx.conn(), &tenant).await?.ok_or_else(fault)?;
    let buyer = customers::find(tx.conn(), &tenant, service.customer).await?.ok_or_else(fault)?;
    let lines = lines(&service, &Language::of(&buyer.locale).month(month), &event.lines)?;
    let billable = lines
        .iter()
        .map(Line::amount)
        .try_fold(Money::zero(service.terms.currency), |sum, amount| sum.plus(amount?))?;
    if !billable.is_positive() {
        return Ok(());
    }
    let content = Content {
        prices_include_tax: service.terms.prices_include_tax,
        term: service.terms.term,
        lines,
        discount: None,
        supply_date: Some(month_end(month)),
        memo: String::new(),
        collect_automatically: true,
    };
    let (id, now) = (tx.id(), tx.now());
    let mut invoice = Invoice::draft(id, &seller, &buyer, service.terms.currency, content, now)?;
    invoice.bills(service.id, month);
    invoices::save_draft(tx.conn(), &tenant, &invoice).await?;
    if let Err(refusal) = buyer.must_have_billing_profile() {
        tracing::warn!(
            reason = refusal.reason.name(),
            "the bill of a metered service stays a draft"
        );
        return Ok(());
    }
    issue_draft(tx, &mut invoice, &seller, &buyer).await?;
    schedule_collections(tx, std::slice::from_ref(&invoice)).await?;
    publish_invoice(tx, &invoice).await?;
    announce_usage_invoice(tx, &invoice).await?;
    mail_issued_invoice(tx, &invoice).await
}

fn lines(
    service: &MeteredService,
    month: &str,
    used: &[metered_usage_closed::Line],
) -> Result<Vec<Line>, AppError> {
    let fault = || AppError::Fault(format!("a line of the close of service {}", service.id));
    let description = format!("{}, {month}", service.terms.display_name);
    let mut lines = Vec::with_capacity(used.len());
    let mut rest = Money::zero(service.terms.currency);
    for line in used {
        let unit_price = line.unit_price.as_ref().and_then(money_of).ok_or_else(fault)?;
        let quantity = parse_decimal(&line.quantity.as_ref().ok_or_else(fault)?.value, 6)?;
        if lines.len() < MOST_PRICES {
            lines.push(Line::plain(
                description.clone(),
                quantity,
                unit_price,
                service.terms.tax_category.clone(),
            ));
        } else {
            rest = rest.plus(Money::from_product(
                service.terms.currency,
                unit_price.amount(),
                quantity,
            )?)?;
        }
    }
    if rest.is_positive() {
        let quantity = rust_decimal::Decimal::ONE;
        lines.push(Line::plain(description, quantity, rest, service.terms.tax_category.clone()));
    }
    Ok(lines)
}
