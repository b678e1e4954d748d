//! What is mailed when a credit line moves or its limit is cut.

use super::write_mail::{Letter, to_customer};
use crate::wording::Language;
use payterms_chassis::{
    AppError, WriteTx, names,
    render::{date_of, instant_of, money_of},
};
use payterms_invoicing_domain::MailKind;
use payterms_kernel::{Id, calendar::day_in};
use payterms_proto::{
    credit::v1::{
        CreditLineChanged, LineHistoryEntry,
        credit_line::{State, Suspension},
        line_history_entry::Side,
    },
    google::r#type::Money,
};
use serde_json::Value;

/// The mail of an edge; none where nobody needs one. A second reason to suspend changes nothing for the customer.
fn told(edge: &LineHistoryEntry) -> Option<MailKind> {
    match edge.verb.as_str() {
        "OFFER" => Some(MailKind::LineOffered),
        "SUSPEND" if edge.from() != State::Suspended => Some(MailKind::LineSuspended),
        "RESTORE" if edge.to() != State::Suspended => Some(MailKind::LineRestored),
        "CUT_LIMIT" => Some(MailKind::LimitCut),
        _ => None,
    }
}

/// Mails what a line's event tells. A snapshot tells no edge.
///
/// # Errors
/// The database's; `Fault` for a name that is none.
pub async fn run(tx: &mut WriteTx, event: &CreditLineChanged) -> Result<(), AppError> {
    let Some(line) = &event.credit_line else { return Ok(()) };
    let name = names::parse(&line.name, &["customers", "creditLines"]);
    let name = name.ok_or_else(|| AppError::Fault(format!("line {:?}", line.name)))?;
    for edge in &event.edges {
        let Some(kind) = told(edge) else { continue };
        let zone = tx.time().zone;
        let activate_by = line.expire_time.as_ref().and_then(instant_of).map(|at| day_in(zone, at));
        // The words of a person of the tenant are for the customer; why a line was offered is not.
        let said = if edge.side() == Side::Tenant && kind != MailKind::LineOffered { edge.explanation.clone() } else { String::new() };
        let past_due = line.suspensions().any(|own| own == Suspension::PastDue);
        let letter = Letter {
            kind,
            variables: |language: Language| {
                let amount = |own: &Option<Money>| own.as_ref().and_then(money_of).map(|own| language.money(own)).unwrap_or_default();
                let due = line.next_due_date.as_ref().and_then(date_of);
                vec![
                    ("limit", amount(&line.limit).into()),
                    ("exposure", amount(&line.exposure).into()),
                    ("available", amount(&line.available).into()),
                    ("activate_by", activate_by.map(|day| language.date(day)).unwrap_or_default().into()),
                    ("next_due", due.map(|day| language.date(day)).unwrap_or_default().into()),
                    ("explanation", said.clone().into()),
                    ("past_due", Value::from(if past_due { "true" } else { "" })),
                    ("reasons", line.limit_reasons.clone().into()),
                ]
            },
            page: format!("/credit-lines/{}", name.id(1)),
            attachments: Vec::new(),
        };
        to_customer(tx, Id::from_uuid(name.id(0)), letter).await?;
    }
    Ok(())
}
