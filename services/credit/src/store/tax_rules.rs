//! Table `tax_rules`: a copy of a tenant's rules, from its events.

use super::{
    json::{of_json, to_json},
    purchase_column::decimal,
};
use payterms_chassis::{AppError, sql};
use payterms_credit_domain::purchase::TaxRule;
use payterms_kernel::TenantId;
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct RuleText {
    country: String,
    category: String,
    with_tax_id: bool,
    rate_percent: String,
    sentence: String,
}

/// Saves the copy of a tenant's rules.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    rules: &[TaxRule],
) -> Result<(), AppError> {
    let text = |rule: &TaxRule| RuleText {
        country: rule.country.clone(),
        category: rule.category.clone(),
        with_tax_id: rule.with_tax_id,
        rate_percent: rule.rate_percent.to_string(),
        sentence: rule.sentence.clone(),
    };
    let rules = to_json(&rules.iter().map(text).collect::<Vec<_>>())?;
    let upsert = "INSERT INTO tax_rules (tenant, rules) VALUES ($1, $2) ON CONFLICT (tenant) DO UPDATE SET rules = excluded.rules";
    sql::exec(conn, upsert, vec![tenant.as_str().into(), rules.into()]).await?;
    Ok(())
}

/// The copy of a tenant's rules; none where credit has not heard of them.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<Vec<TaxRule>, AppError> {
    let select = "SELECT rules FROM tax_rules WHERE tenant = $1";
    let Some(row) = sql::one(conn, select, vec![tenant.as_str().into()]).await? else {
        return Ok(Vec::new());
    };
    let rules: Vec<RuleText> = of_json(&row.try_get::<String>("", "rules")?, "tax rules")?;
    let rule = |stored: RuleText| {
        let rate_percent = decimal(&stored.rate_percent)?;
        Ok(TaxRule {
            country: stored.country,
            category: stored.category,
            with_tax_id: stored.with_tax_id,
            rate_percent,
            sentence: stored.sentence,
        })
    };
    rules.into_iter().map(rule).collect()
}
