//! Our words of the mail about webhooks, and values to try it with.

use super::Variables;
use crate::documents::wording::Language;
use payterms_invoicing_domain::MailKind;
use serde_json::json;

/// Subject and text in English and French; none for another mail.
#[must_use]
pub fn ours(kind: MailKind) -> Option<[&'static str; 2]> {
    (kind == MailKind::WebhookDisabled).then_some(both!("webhook_disabled"))
}

/// Adds the variables of this mail.
pub fn samples(kind: MailKind, language: Language, samples: &mut Variables) {
    if kind != MailKind::WebhookDisabled {
        return;
    }
    let day = chrono::NaiveDate::from_ymd_opt(2026, 6, 1).unwrap_or_default();
    let mut add = |name: &str, value: serde_json::Value| samples.insert(name.to_owned(), value);
    add("endpoint", json!("tenants/acme/webhookEndpoints/0199f0a0-0000-7000-8000-000000000001"));
    add("url", json!("https://example.com/webhooks"));
    add("description", json!("Bookkeeping"));
    add("gone", json!(""));
    add("outcome", json!("HTTP 500"));
    add("since", json!(language.date(day)));
}
