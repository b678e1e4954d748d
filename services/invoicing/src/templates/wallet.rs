//! Our words of the mails about recharges, given back and expiring credit, and new collection
//! methods, and values to try them with.

use super::Variables;
use crate::documents::wording::Language;
use payterms_invoicing_domain::MailKind;
use serde_json::json;

/// Subject and text in English and French; none for another mail.
#[must_use]
pub fn ours(kind: MailKind) -> Option<[&'static str; 2]> {
    Some(match kind {
        MailKind::RechargeFailed => both!("recharge_failed"),
        MailKind::RechargeRemoved => both!("recharge_removed"),
        MailKind::TopUpRefunded => both!("top_up_refunded"),
        MailKind::TransferRefunded => both!("transfer_refunded"),
        MailKind::TransferRefundReturned => both!("transfer_refund_returned"),
        MailKind::CreditRevoked => both!("credit_revoked"),
        MailKind::CreditRestored => both!("credit_restored"),
        MailKind::CreditExpires => both!("credit_expires"),
        MailKind::CollectionPlanned => both!("collection_planned"),
        _ => return None,
    })
}

/// Adds the variables of these mails.
pub fn samples(kind: MailKind, language: Language, samples: &mut Variables) {
    let day = chrono::NaiveDate::from_ymd_opt(2026, 6, 1).unwrap_or_default();
    let mut add = |name: &str, value: serde_json::Value| samples.insert(name.to_owned(), value);
    match kind {
        MailKind::RechargeFailed => {
            add("reason", json!("card_declined"));
            add(
                "method",
                json!(language.say("card ending in 4242", "carte se terminant par 4242")),
            );
            add("next_try", json!(language.date(day)));
            add("ceiling", json!("150.00\u{a0}USD"));
            add("ceiling_left", json!("10.00\u{a0}USD"));
            add("month", json!(language.month(day)));
        }
        MailKind::RechargeRemoved => {
            add("explanation", json!("Your account is closed."));
        }
        MailKind::TopUpRefunded => {
            add("number", json!("RCN-2026-000001"));
            add("receipt_number", json!("RC-2026-000001"));
            let note = |number: u32| json!({ "note": format!("RCN-2026-{number:06}"), "receipt": format!("RC-2026-{number:06}"), "amount": "10.00\u{a0}USD" });
            add("notes", json!([note(1), note(2)]));
            add("amount", json!("20.00\u{a0}USD"));
            add("credit", json!("18.00\u{a0}USD"));
            add("tax", json!("2.00\u{a0}USD"));
            add("explanation", json!("The account is closed."));
        }
        MailKind::TransferRefunded => {
            add("amount", json!("20.00\u{a0}USD"));
            add("credit", json!("18.00\u{a0}USD"));
            add("tax", json!("2.00\u{a0}USD"));
            add("account", json!("3000"));
            add("date", json!(language.date(day)));
            add("reference", json!("RF18 TB01 2345 6789 AB"));
            add("explanation", json!("The account is closed."));
            add("number", json!("CN-2026-000001"));
        }
        MailKind::TransferRefundReturned => {
            add("amount", json!("20.00\u{a0}USD"));
            add("account", json!("3000"));
            add("date", json!(language.date(day)));
            add("reference", json!("RF18 TB01 2345 6789 AB"));
        }
        MailKind::CreditRevoked => {
            add("amount", json!("20.00\u{a0}USD"));
            add("explanation", json!("The card was reported as stolen."));
            add("stops_recharge", json!("true"));
        }
        MailKind::CreditRestored => {
            add("amount", json!("20.00\u{a0}USD"));
            add("explanation", json!("It was the holder of the card."));
            add("paid_owed", json!("5.00\u{a0}USD"));
        }
        MailKind::CreditExpires => {
            add("amount", json!("20.00\u{a0}USD"));
            let lot = |amount: &str, held: &str| json!({ "amount": amount, "held": held, "date": language.date(day), "pays_invoices": "true" });
            add("lots", json!([lot("15.00\u{a0}USD", ""), lot("5.00\u{a0}USD", "2.00\u{a0}USD")]));
            add("pays_invoices", json!("true"));
        }
        MailKind::CollectionPlanned => {
            add("items", json!([{ "name": "INV-2026-000001", "amount": "100.00\u{a0}USD" }]));
            add("date", json!(language.date(day)));
            for flag in ["waited", "no_method"] {
                add(flag, json!("true"));
            }
            add(
                "method",
                json!(language.say("card ending in 4242", "carte se terminant par 4242")),
            );
            add("bank_details", json!("Acme Telecom, BSB 062-000, account 1234 5678"));
        }
        _ => {}
    }
}
