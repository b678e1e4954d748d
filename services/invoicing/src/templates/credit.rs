//! Our words of the mails about credit lines, and values to try them with.

use super::Variables;
use crate::documents::wording::Language;
use payterms_invoicing_domain::MailKind;
use serde_json::json;

/// Subject and text in English and French; none for a mail that is not about credit.
#[must_use]
pub fn ours(kind: MailKind) -> Option<[&'static str; 2]> {
    Some(match kind {
        MailKind::LineOffered => both!("line_offered"),
        MailKind::LineSuspended => both!("line_suspended"),
        MailKind::LineRestored => both!("line_restored"),
        MailKind::LimitCut => both!("limit_cut"),
        MailKind::CreditDeclined => both!("credit_declined"),
        MailKind::CreditInformation => both!("credit_information"),
        MailKind::IncreaseGranted => both!("increase_granted"),
        MailKind::IncreaseRefused => both!("increase_refused"),
        _ => return None,
    })
}

/// Adds the variables that every mail about credit has.
pub fn samples(language: Language, samples: &mut Variables) {
    let day = chrono::NaiveDate::from_ymd_opt(2026, 6, 1)
        .map(|day| language.date(day))
        .unwrap_or_default();
    for amount in ["limit", "exposure", "available", "advised"] {
        samples.insert(amount.to_owned(), json!("100.00\u{a0}USD"));
    }
    for date in ["activate_by", "next_due", "reapply_on"] {
        samples.insert(date.to_owned(), json!(day));
    }
    samples.insert("explanation".to_owned(), json!("As agreed by telephone."));
    samples.insert("past_due".to_owned(), json!("true"));
    samples.insert("reasons".to_owned(), json!(["Less turnover than before."]));
}
