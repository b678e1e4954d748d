//! Tax rules of a tenant, and the categories that they and lines name: requests → commands.

use payterms_chassis::Fields;
use payterms_invoicing_domain::TaxRule;
use payterms_kernel::Reason;
use payterms_proto::invoicing::v1 as pb;
use rust_decimal::Decimal;

/// Tax rules, each for one country, category and whether the customer has a tax number.
pub(super) fn tax_rules(fields: &mut Fields, rules: &[pb::TaxRule]) -> Vec<TaxRule> {
    if rules.len() > 300 {
        fields.wrong("tenant.tax_rules", Reason::TOO_MANY_ITEMS, "Send at most 300 rules.");
        return Vec::new();
    }
    let mut parsed: Vec<TaxRule> = Vec::new();
    for (place, rule) in rules.iter().enumerate() {
        let at = format!("tenant.tax_rules[{place}]");
        let rule = TaxRule {
            country: fields.country(&format!("{at}.country"), &rule.country),
            rate_percent: fields.decimal(
                &format!("{at}.rate_percent"),
                rule.rate_percent.as_ref(),
                4,
                Decimal::ZERO,
                Decimal::from(100),
            ),
            sentence: fields.printed(&format!("{at}.sentence"), &rule.sentence, 0, 500),
            category: tax_category(fields, &format!("{at}.category"), &rule.category),
            with_tax_id: rule.with_tax_id,
        };
        if parsed.iter().any(|other| tax_rule_key(other) == tax_rule_key(&rule)) {
            fields.wrong(
                &at,
                Reason::DUPLICATE_ITEM,
                "Write one rule per country, category and with_tax_id.",
            );
        }
        parsed.push(rule);
    }
    parsed.sort_by(|a, b| tax_rule_key(a).cmp(&tax_rule_key(b)));
    parsed
}

/// What a tenant has one tax rule for.
fn tax_rule_key(rule: &TaxRule) -> (&str, &str, bool) {
    (&rule.country, &rule.category, rule.with_tax_id)
}

/// The name of what is sold, as tax rules and lines use it; empty: the standard category.
pub fn tax_category(fields: &mut Fields, field: &str, text: &str) -> String {
    if !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        fields.wrong(
            field,
            Reason::FIELD_INVALID_CHARS,
            "Use lower-case letters, digits and underscores.",
        );
    }
    fields.text(field, text, 0, 40)
}
