//! What a draw sells, as its column holds it; and table `tax_rules`, a copy of what invoicing tells.

use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, sql};
use payterms_credit_domain::purchase::{Item, Purchase, Sold, TaxRule};
use payterms_kernel::{Currency, Money, TenantId, money::parse_decimal};
use rust_decimal::Decimal;
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

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

#[derive(Debug, Serialize, Deserialize)]
struct RuleText {
    country: String,
    category: String,
    with_tax_id: bool,
    rate_percent: String,
    sentence: String,
}

fn written<T: Serialize>(own: &T) -> Result<String, AppError> {
    serde_json::to_string(own).map_err(|error| AppError::Fault(error.to_string()))
}

fn read<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, AppError> {
    serde_json::from_str(text).map_err(|error| AppError::Fault(format!("{what}: {error}")))
}

fn decimal(text: &str) -> Result<Decimal, AppError> {
    Ok(parse_decimal(text, 6)?)
}

/// What is sold, from its column; none for the draw of a payment.
///
/// # Errors
/// `Fault` for a text that is none of ours.
pub fn purchase(text: &str, currency: Currency, expires_at: Option<DateTime<Utc>>) -> Result<Option<Purchase>, AppError> {
    let Some(expires_at) = expires_at else { return Ok(None) };
    let told: PurchaseText = read(text, "a purchase")?;
    let sold = |own: SoldText| {
        Ok::<_, AppError>(Sold {
            item: Item {
                description: own.description,
                quantity: decimal(&own.quantity)?,
                unit_price: Money::from_micros(currency, own.unit_price),
                tax_category: own.tax_category,
            },
            rate_percent: decimal(&own.rate_percent)?,
            sentence: own.sentence,
            captured: decimal(&own.captured)?,
        })
    };
    Ok(Some(Purchase {
        lines: told.lines.into_iter().map(sold).collect::<Result<_, _>>()?,
        description: told.description,
        collect_automatically: told.collect_automatically,
        plans_allowed: told.plans_allowed,
        expires_at,
    }))
}

/// The same, for its column.
///
/// # Errors
/// None that is known.
pub fn purchase_text(own: Option<&Purchase>) -> Result<String, AppError> {
    let Some(own) = own else { return Ok(String::new()) };
    let sold = |own: &Sold| SoldText {
        description: own.item.description.clone(),
        quantity: own.item.quantity.to_string(),
        unit_price: own.item.unit_price.micros(),
        tax_category: own.item.tax_category.clone(),
        rate_percent: own.rate_percent.to_string(),
        sentence: own.sentence.clone(),
        captured: own.captured.to_string(),
    };
    written(&PurchaseText {
        description: own.description.clone(),
        collect_automatically: own.collect_automatically,
        plans_allowed: own.plans_allowed,
        lines: own.lines.iter().map(sold).collect(),
    })
}

/// Saves the copy of a tenant's rules.
///
/// # Errors
/// The database's.
pub async fn save_rules<C: ConnectionTrait>(conn: &C, tenant: &TenantId, rules: &[TaxRule]) -> Result<(), AppError> {
    let text = |own: &TaxRule| RuleText {
        country: own.country.clone(),
        category: own.category.clone(),
        with_tax_id: own.with_tax_id,
        rate_percent: own.rate_percent.to_string(),
        sentence: own.sentence.clone(),
    };
    let rules = written(&rules.iter().map(text).collect::<Vec<_>>())?;
    let upsert = "INSERT INTO tax_rules (tenant, rules) VALUES ($1, $2) ON CONFLICT (tenant) DO UPDATE SET rules = excluded.rules";
    sql::exec(conn, upsert, vec![tenant.as_str().into(), rules.into()]).await?;
    Ok(())
}

/// The copy of a tenant's rules; none where credit has not heard of them.
///
/// # Errors
/// The database's.
pub async fn rules<C: ConnectionTrait>(conn: &C, tenant: &TenantId) -> Result<Vec<TaxRule>, AppError> {
    let select = "SELECT rules FROM tax_rules WHERE tenant = $1";
    let Some(row) = sql::one(conn, select, vec![tenant.as_str().into()]).await? else { return Ok(Vec::new()) };
    let told: Vec<RuleText> = read(&row.try_get::<String>("", "rules")?, "tax rules")?;
    let rule = |own: RuleText| {
        let rate_percent = decimal(&own.rate_percent)?;
        Ok(TaxRule { country: own.country, category: own.category, with_tax_id: own.with_tax_id, rate_percent, sentence: own.sentence })
    };
    told.into_iter().map(rule).collect()
}
