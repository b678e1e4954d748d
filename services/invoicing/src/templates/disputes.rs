//! Our words of the mails about disputes, and values to try them with.

use super::Variables;
use crate::documents::wording::Language;
use payterms_invoicing_domain::MailKind;
use serde_json::json;

/// Subject and text in English and French; none for another mail.
#[must_use]
pub fn ours(kind: MailKind) -> Option<[&'static str; 2]> {
    Some(match kind {
        MailKind::DisputeOpened => both!("dispute_opened"),
        MailKind::DisputeWon => both!("dispute_won"),
        MailKind::DisputeLost => both!("dispute_lost"),
        MailKind::DisputeReported => both!("dispute_reported"),
        _ => return None,
    })
}

/// Adds the variables of these mails.
pub fn samples(kind: MailKind, language: Language, samples: &mut Variables) {
    let kinds = [
        MailKind::DisputeOpened,
        MailKind::DisputeWon,
        MailKind::DisputeLost,
        MailKind::DisputeReported,
    ];
    if !kinds.contains(&kind) {
        return;
    }
    let day = language.date(chrono::NaiveDate::from_ymd_opt(2026, 6, 1).unwrap_or_default());
    let mut add = |name: &str, value: serde_json::Value| samples.insert(name.to_owned(), value);
    add("amount", json!("120.00\u{a0}USD"));
    add("credit", json!("20.00\u{a0}USD"));
    add("part_of", json!("200.00\u{a0}USD"));
    add("tax", json!("2.00\u{a0}USD"));
    add("documents", json!(["RCN-2026-000001"]));
    if kind == MailKind::DisputeWon {
        add("paid_owed", json!("5.00\u{a0}USD"));
        add("credit_until", json!(day));
        add("paid_otherwise", json!("30.00\u{a0}USD"));
    } else {
        add("owed", json!("5.00\u{a0}USD"));
    }
    let item = if kind == MailKind::DisputeLost {
        json!({ "number": "INV-2026-000001", "open": "100.00\u{a0}USD", "again": "50.00\u{a0}USD", "date": day, "no_method": "true", "pay_by": day })
    } else if kind == MailKind::DisputeOpened {
        json!({ "number": "INV-2026-000001", "open": "100.00\u{a0}USD", "in_plan": "true" })
    } else if kind == MailKind::DisputeWon {
        json!({ "number": "INV-2026-000001", "open": "100.00\u{a0}USD", "next_amount": "50.00\u{a0}USD", "next_date": day })
    } else {
        let plan = "tenants/acme/customers/0199f0a0-0000-7000-8000-000000000001/plans/0199f0a0-0000-7000-8000-000000000004";
        json!({ "number": "INV-2026-000001", "open": "50.00\u{a0}USD", "again": "true", "plan": plan, "next_date": day })
    };
    add("items", json!([item]));
    if kind == MailKind::DisputeReported {
        add("buyer", json!("Brightside Ltd"));
        add("outcome", json!("opened"));
        add(
            "dispute",
            json!(
                "tenants/acme/customers/0199f0a0-0000-7000-8000-000000000001/disputes/0199f0a0-0000-7000-8000-000000000002"
            ),
        );
        add(
            "of",
            json!(
                "tenants/acme/customers/0199f0a0-0000-7000-8000-000000000001/payments/0199f0a0-0000-7000-8000-000000000003"
            ),
        );
        add("charge", json!("ch_42"));
        add("state", json!("won"));
        add("provider_outcome", json!("lost"));
        add("explanation", json!("The bank has written to us."));
        add("evidence_due", json!(day));
    } else {
        add("method", json!(language.say("card ending in 4242", "carte se terminant par 4242")));
    }
    if matches!(kind, MailKind::DisputeOpened | MailKind::DisputeReported) {
        add("reason", json!(language.dispute_reason("fraudulent")));
    }
    if matches!(kind, MailKind::DisputeOpened | MailKind::DisputeLost) {
        add("recharge_from", json!(day));
    }
    if kind == MailKind::DisputeWon {
        add("charging", json!("choose"));
    }
    if kind != MailKind::DisputeReported {
        add(
            "new_method",
            json!(language.say("card ending in 4444", "carte se terminant par 4444")),
        );
    }
    if kind == MailKind::DisputeLost {
        add("by_bank", json!("true"));
        add("charging", json!("else"));
        add("is_open", json!("true"));
        add("bank_details", json!("Acme Telecom, BSB 062-000, account 1234 5678"));
    }
}
