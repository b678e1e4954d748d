//! Column `purchase` of table `draws`: what a draw sells, as JSON.

use super::json::{of_json, to_json};
use chrono::{DateTime, Utc};
use payterms_chassis::AppError;
use payterms_credit_domain::purchase::{Item, Purchase, Sold};
use payterms_kernel::{Currency, Money, money::parse_decimal};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct PurchaseText {
    description: String,
    collect_automatically: bool,
    plans_allowed: bool,
    lines: Vec<SoldText>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SoldText {
    description: String,
    quantity: String,
    unit_price: i64,
    tax_category: String,
    rate_percent: String,
    sentence: String,
    captured: String,
}

pub(super) fn decimal(text: &str) -> Result<Decimal, AppError> {
    Ok(parse_decimal(text, 6)?)
}

/// What is sold, from its column; none for the draw of a payment.
///
/// # Errors
/// `Fault` for a text that is none of ours.
pub fn purchase(
    text: &str,
    currency: Currency,
    expires_at: Option<DateTime<Utc>>,
) -> Result<Option<Purchase>, AppError> {
    let Some(expires_at) = expires_at else { return Ok(None) };
    let stored: PurchaseText = of_json(text, "a purchase")?;
    let sold = |line: SoldText| {
        Ok::<_, AppError>(Sold {
            item: Item {
                description: line.description,
                quantity: decimal(&line.quantity)?,
                unit_price: Money::from_micros(currency, line.unit_price),
                tax_category: line.tax_category,
            },
            rate_percent: decimal(&line.rate_percent)?,
            sentence: line.sentence,
            captured: decimal(&line.captured)?,
        })
    };
    Ok(Some(Purchase {
        lines: stored.lines.into_iter().map(sold).collect::<Result<_, _>>()?,
        description: stored.description,
        collect_automatically: stored.collect_automatically,
        plans_allowed: stored.plans_allowed,
        expires_at,
    }))
}

/// The same, for its column.
pub fn purchase_text(purchase: Option<&Purchase>) -> Result<String, AppError> {
    let Some(purchase) = purchase else { return Ok(String::new()) };
    let sold = |sold: &Sold| SoldText {
        description: sold.item.description.clone(),
        quantity: sold.item.quantity.to_string(),
        unit_price: sold.item.unit_price.micros(),
        tax_category: sold.item.tax_category.clone(),
        rate_percent: sold.rate_percent.to_string(),
        sentence: sold.sentence.clone(),
        captured: sold.captured.to_string(),
    };
    to_json(&PurchaseText {
        description: purchase.description.clone(),
        collect_automatically: purchase.collect_automatically,
        plans_allowed: purchase.plans_allowed,
        lines: purchase.lines.iter().map(sold).collect(),
    })
}
