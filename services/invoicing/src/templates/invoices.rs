//! Our words of the mails about documents and payments, and values to try them with.

use super::{REFERENCE, Variables};
use crate::documents::wording::Language;
use payterms_invoicing_domain::{MailKind, statement::TakenFor};
use serde_json::{Value, json};

/// Subject and text in English and French; none for a mail of another kind.
#[must_use]
pub fn ours(kind: MailKind) -> Option<[&'static str; 2]> {
    Some(match kind {
        MailKind::InvoiceIssued => both!("invoice_issued"),
        MailKind::InvoiceVoided => both!("invoice_voided"),
        MailKind::CreditNoteIssued => both!("credit_note_issued"),
        MailKind::PaymentReceived => both!("payment_received"),
        MailKind::PostpaidDecided => both!("postpaid_decided"),
        _ => return None,
    })
}

/// Adds the variables of a kind.
pub fn samples(kind: MailKind, language: Language, samples: &mut Variables) {
    let day = chrono::NaiveDate::from_ymd_opt(2026, 6, 1)
        .map(|day| language.date(day))
        .unwrap_or_default();
    let amount = "100.00\u{a0}USD";
    if kind == MailKind::InvoiceIssued {
        planned_samples(language, samples);
    }
    let mut add = |name: &str, value: Value| samples.insert(name.to_owned(), value);
    match kind {
        MailKind::InvoiceIssued => {
            for flag in ["paid_already", "transfer_only"] {
                add(flag, json!("true"));
            }
            add("number", json!("INV-2026-000001"));
            add("amount", json!(amount));
            add("due_date", json!(day));
            add("bank_details", json!("Acme Telecom, BSB 062-000, account 1234 5678"));
            add("reference", json!(REFERENCE));
        }
        MailKind::InvoiceVoided => {
            add("number", json!("INV-2026-000001"));
            add("amount", json!(amount));
            add("explanation", json!("Issued twice."));
            add("not_to_transfer", json!("true"));
        }
        MailKind::CreditNoteIssued => {
            add("number", json!("CN-2026-000001"));
            add("invoice", json!("INV-2026-000001"));
            add("amount", json!(amount));
            add("explanation", json!("Goodwill."));
            for part in ["open_lowered", "open", "to_method", "to_credit", "outside"] {
                add(part, json!("20.00\u{a0}USD"));
            }
            add("not_to_transfer", json!("true"));
        }
        MailKind::PaymentReceived => {
            add("amount", json!(amount));
            add("date", json!(day));
            let paid = |number: &str, open: &str| json!({ "number": number, "paid": "50.00\u{a0}USD", "open": open });
            add(
                "invoices",
                json!([paid("INV-2026-000001", ""), paid("INV-2026-000002", "25.00\u{a0}USD")]),
            );
            add("purchases", json!([paid("INV-2026-000003", "")]));
            add("paid_before", json!(["INV-2026-000004"]));
            for (name, credit) in [("bought", "45.45\u{a0}USD"), ("surplus", "20.00\u{a0}USD")] {
                add(name, json!(credit));
                add(&format!("{name}_until"), json!(day));
            }
            add("receipt", json!("RC-2026-000001"));
            add("not_to_transfer", json!(["INV-2026-000001"]));
        }
        _ => {
            add("approved", json!("true"));
            add("commitment", json!("1,000.00\u{a0}AUD"));
            add("limit", json!("3,000.00\u{a0}AUD"));
            add("first_month", json!(day));
            add("explanation", json!("As agreed by telephone."));
        }
    }
}

/// Adds what mails say of the next collection.
pub fn planned_samples(language: Language, samples: &mut Variables) {
    let day = chrono::NaiveDate::from_ymd_opt(2026, 6, 1)
        .map(|day| language.date(day))
        .unwrap_or_default();
    samples.insert("planned".to_owned(), json!("collected"));
    samples.insert("planned_on".to_owned(), json!(day));
    samples.insert(
        "planned_method".to_owned(),
        json!(language.say("card ending in 4242", "carte se terminant par 4242")),
    );
}

/// Adds the variables of the mail of a month.
pub fn statement_samples(language: Language, samples: &mut Variables) {
    let day = chrono::NaiveDate::from_ymd_opt(2026, 6, 1).unwrap_or_default();
    let mut add = |name: &str, value: Value| samples.insert(name.to_owned(), value);
    add("month", json!(language.month(day)));
    add("of_month", json!(language.of_month(day)));
    let method = language.say("card ending in 4242", "carte se terminant par 4242");
    let late = json!({ "number": "INV-2026-000001", "due_date": language.date(day), "days": 12, "open": "100.00\u{a0}USD", "planned": "collected", "planned_on": language.date(day), "planned_method": method });
    add("past_due", json!([late]));
    add(
        "disputed",
        json!([{ "number": "INV-2026-000002", "due_date": language.date(day), "open": "50.00\u{a0}USD" }]),
    );
    add(
        "in_plans",
        json!([{ "number": "INV-2026-000003", "due_date": language.date(day), "open": "50.00\u{a0}USD" }]),
    );
    let note = |note: &str| json!({ "note": note, "invoice": "INV-2026-000001", "date": language.date(day), "amount": "10.00\u{a0}USD", "what": "" });
    let what = language
        .say("Transferred to the account ending in 3000", "Viré sur le compte finissant par 3000");
    let transferred = json!({ "note": "", "invoice": "", "date": language.date(day), "amount": "10.00\u{a0}USD", "what": what });
    add("given_back", json!([note("CN-2026-000001"), note(""), transferred]));
    let taken = json!({ "what": language.taken_for(TakenFor::Dispute), "date": language.date(day), "amount": "30.00\u{a0}USD", "invoices": "INV-2026-000001" });
    add("taken_back", json!([taken]));
    add(
        "totals",
        json!([{ "issued": "100.00\u{a0}USD", "open": "100.00\u{a0}USD", "next_due": language.date(day) }]),
    );
    let (total, due_date) = ("100.00\u{a0}USD", language.date(day));
    let invoice = json!({ "number": "INV-2026-000001", "reference": REFERENCE, "total": total, "due_date": due_date, "state": "OPEN", "open": total, "disputed": "", "in_plan": "", "planned": "collected", "planned_on": due_date, "planned_method": method });
    add("invoices", json!([invoice]));
    add("unattached", json!(2));
}
