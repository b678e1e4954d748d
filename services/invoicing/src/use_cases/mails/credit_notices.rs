//! What is mailed when a credit line moves, its limit is cut, an application is answered, or an
//! advised limit is decided.

use super::write::{Letter, flag, write_to_customer};
use crate::documents::wording::Language;
use payterms_chassis::{
    AppError, WriteTx, names,
    render::{date_of, instant_of, money_of},
};
use payterms_invoicing_domain::MailKind;
use payterms_kernel::{Id, calendar::day_in};
use payterms_proto::{
    credit::v1::{
        AdvisedLimitChanged, ApplicationChanged, CreditLineChanged, LineHistoryEntry,
        advised_limit::State as AdvisedState,
        credit_application::State as ApplicationState,
        credit_line::{State, Suspension},
        line_history_entry::Side,
    },
    google::r#type::Money,
};
use serde_json::Value;

/// The mail of an edge; none where nobody needs one. A second reason to suspend changes nothing for
/// the customer.
fn kind_of_edge(edge: &LineHistoryEntry) -> Option<MailKind> {
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
/// `Fault` for a name that is none.
pub async fn mail_credit_line(tx: &mut WriteTx, event: &CreditLineChanged) -> Result<(), AppError> {
    let Some(line) = &event.credit_line else { return Ok(()) };
    let name = names::parse(&line.name, &["customers", "creditLines"]);
    let name = name.ok_or_else(|| AppError::Fault(format!("line {:?}", line.name)))?;
    for edge in &event.edges {
        let Some(kind) = kind_of_edge(edge) else { continue };
        let zone = tx.time().zone;
        let activate_by = line.expire_time.as_ref().and_then(instant_of).map(|at| day_in(zone, at));
        // The words of a person of the tenant are for the customer; why a line was offered is not.
        let said = if edge.side() == Side::Tenant && kind != MailKind::LineOffered {
            edge.explanation.clone()
        } else {
            String::new()
        };
        let past_due = line.suspensions().any(|suspension| suspension == Suspension::PastDue);
        let letter = Letter {
            kind,
            variables: |language: Language| {
                let amount = |amount: &Option<Money>| {
                    amount
                        .as_ref()
                        .and_then(money_of)
                        .map(|amount| language.money(amount))
                        .unwrap_or_default()
                };
                let due = line.next_due_date.as_ref().and_then(date_of);
                vec![
                    ("limit", amount(&line.limit).into()),
                    ("exposure", amount(&line.exposure).into()),
                    ("available", amount(&line.available).into()),
                    (
                        "activate_by",
                        activate_by.map(|day| language.date(day)).unwrap_or_default().into(),
                    ),
                    ("next_due", due.map(|day| language.date(day)).unwrap_or_default().into()),
                    ("explanation", said.clone().into()),
                    ("past_due", Value::from(flag(past_due))),
                    ("reasons", line.limit_reasons.clone().into()),
                    ("advised", amount(&event.advised_limit).into()),
                ]
            },
            page: format!("/credit-lines/{}", name.id(1)),
            attachments: Vec::new(),
        };
        write_to_customer(tx, Id::from_uuid(name.id(0)), letter).await?;
    }
    Ok(())
}

/// Mails how an advised limit was decided. One that lapses is not news: nobody has said no.
///
/// # Errors
/// `Fault` for a name that is none.
pub async fn mail_advised_limit(
    tx: &mut WriteTx,
    event: &AdvisedLimitChanged,
) -> Result<(), AppError> {
    let Some(advised_limit) = &event.advised_limit else { return Ok(()) };
    let kind = match advised_limit.state() {
        AdvisedState::Granted => MailKind::IncreaseGranted,
        AdvisedState::Refused => MailKind::IncreaseRefused,
        AdvisedState::Open | AdvisedState::Lapsed | AdvisedState::Unspecified => return Ok(()),
    };
    let name = names::parse(&advised_limit.name, &["customers", "creditLines", "advisedLimits"]);
    let name =
        name.ok_or_else(|| AppError::Fault(format!("advised limit {:?}", advised_limit.name)))?;
    let letter = Letter {
        kind,
        variables: |language: Language| {
            let amount = |amount: &Option<Money>| {
                amount
                    .as_ref()
                    .and_then(money_of)
                    .map(|amount| language.money(amount))
                    .unwrap_or_default()
            };
            vec![
                ("limit", amount(&event.line_limit).into()),
                ("advised", amount(&advised_limit.advised_limit).into()),
                ("explanation", advised_limit.explanation.clone().into()),
                ("reasons", advised_limit.reasons.clone().into()),
            ]
        },
        page: format!("/credit-lines/{}", name.id(1)),
        attachments: Vec::new(),
    };
    write_to_customer(tx, Id::from_uuid(name.id(0)), letter).await
}

/// Mails what an application's event tells: each of these states is entered by one event, which
/// names it as news.
///
/// # Errors
/// `Fault` for a name that is none.
pub async fn mail_credit_application(
    tx: &mut WriteTx,
    event: &ApplicationChanged,
) -> Result<(), AppError> {
    let Some(credit_application) = &event.credit_application else { return Ok(()) };
    let kind = match credit_application.state() {
        ApplicationState::Declined => MailKind::CreditDeclined,
        ApplicationState::MoreInformation if event.information_requested => {
            MailKind::CreditInformation
        }
        _ => return Ok(()),
    };
    let name = names::parse(&credit_application.name, &["customers", "creditApplications"]);
    let name =
        name.ok_or_else(|| AppError::Fault(format!("application {:?}", credit_application.name)))?;
    let reapply_on = credit_application
        .reapply_time
        .as_ref()
        .and_then(instant_of)
        .map(|at| day_in(tx.time().zone, at));
    let reasons: Vec<String> =
        credit_application.reasons.iter().map(|reason| reason.text.clone()).collect();
    let letter = Letter {
        kind,
        variables: |language: Language| {
            vec![
                ("explanation", credit_application.explanation.clone().into()),
                ("reasons", reasons.clone().into()),
                ("reapply_on", reapply_on.map(|day| language.date(day)).unwrap_or_default().into()),
            ]
        },
        page: format!("/credit-applications/{}", name.id(1)),
        attachments: Vec::new(),
    };
    write_to_customer(tx, Id::from_uuid(name.id(0)), letter).await
}
