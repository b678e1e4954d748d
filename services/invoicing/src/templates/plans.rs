//! Our words of the mails about payment plans, and values to try them with.

use super::Variables;
use crate::documents::wording::Language;
use payterms_invoicing_domain::MailKind;
use serde_json::json;

/// Subject and text in English and French; none for a mail that is not about plans.
#[must_use]
pub fn ours(kind: MailKind) -> Option<[&'static str; 2]> {
    Some(match kind {
        MailKind::PlanReceived => both!("plan_received"),
        MailKind::PlanAnswered => both!("plan_answered"),
        MailKind::PlanApproved => both!("plan_approved"),
        MailKind::PlanRefused => both!("plan_refused"),
        MailKind::PlanCountered => both!("plan_countered"),
        MailKind::PlanLapsed => both!("plan_lapsed"),
        MailKind::PlanLate => both!("plan_late"),
        MailKind::PlanResumed => both!("plan_resumed"),
        MailKind::PlanBreached => both!("plan_breached"),
        MailKind::PlanBreachUndone => both!("plan_breach_undone"),
        MailKind::PlanReopened => both!("plan_reopened"),
        MailKind::PlanCancelled => both!("plan_cancelled"),
        MailKind::PlanCompleted => both!("plan_completed"),
        MailKind::InstalmentDue => both!("instalment_due"),
        MailKind::InstalmentFailed => both!("instalment_failed"),
        _ => return None,
    })
}

/// Adds the variables that every mail about a plan has.
pub fn samples(kind: MailKind, language: Language, samples: &mut Variables) {
    let day = chrono::NaiveDate::from_ymd_opt(2026, 6, 1)
        .map(|day| language.date(day))
        .unwrap_or_default();
    let amount = "100.00\u{a0}USD";
    let mut add = |name: &str, value: serde_json::Value| samples.insert(name.to_owned(), value);
    add("invoices", json!("INV-2026-000001"));
    add("open", json!(amount));
    add("instalments", json!([{ "date": day, "amount": amount }]));
    add("explanation", json!("As agreed by telephone."));
    for flag in ["automatic", "accelerates", "nothing_open"] {
        add(flag, json!("true"));
    }
    add("answer_by", json!(day));
    if matches!(kind, MailKind::PlanReceived | MailKind::PlanAnswered) {
        add("buyer", json!("Brightside Ltd"));
        add("note", json!("We are waiting for a payment ourselves."));
        add("answer", json!("ACCEPT_COUNTER"));
    } else {
        for date in ["next_date", "grace_end", "next_try", "pay_by"] {
            add(date, json!(day));
        }
        add("bank_details", json!("Acme Telecom, BSB 062-000, account 1234 5678"));
        add("next_amount", json!(amount));
        add("reason", json!(language.failure("card_declined")));
        add("no_method", json!("true"));
        add("method", json!(language.say("card ending in 4242", "carte se terminant par 4242")));
        add(
            "planned_method",
            json!(language.say("card ending in 4444", "carte se terminant par 4444")),
        );
        add("tries_new_method", json!("true"));
        add("disputed", json!("true"));
        if kind == MailKind::PlanBreached {
            let method = language.say("card ending in 4242", "carte se terminant par 4242");
            add(
                "collected",
                json!([{ "name": "INV-2026-000001", "amount": amount, "date": day, "method": method }]),
            );
            add("to_pay", json!("INV-2026-000002"));
        }
    }
}
