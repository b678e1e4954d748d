//! What is mailed when a postpaid agreement is decided.

use super::write::{Letter, flag, write_to_customer};
use crate::documents::wording::Language;
use payterms_chassis::{
    AppError, WriteTx, names,
    render::{date_of, money_of},
};
use payterms_invoicing_domain::MailKind;
use payterms_kernel::Id;
use payterms_proto::{
    google::r#type::Money,
    wallet::v1::{PostpaidAgreementChanged, postpaid_agreement::State},
};

/// Mails the decision on an agreement; a snapshot and other changes tell none.
///
/// # Errors
/// `Fault` for a name that is none.
pub async fn mail_postpaid_decision(tx: &mut WriteTx, event: &PostpaidAgreementChanged) -> Result<(), AppError> {
    let Some(own) = event.postpaid_agreement.as_ref().filter(|_| event.decided) else { return Ok(()) };
    let name = names::parse(&own.name, &["customers", "wallets", "postpaidAgreements"]);
    let name = name.ok_or_else(|| AppError::Fault(format!("postpaid agreement {:?}", own.name)))?;
    let letter = Letter {
        kind: MailKind::PostpaidDecided,
        variables: |language: Language| {
            let amount = |own: &Option<Money>| own.as_ref().and_then(money_of).map(|own| language.money(own)).unwrap_or_default();
            let first_month = own.first_month.as_ref().and_then(date_of).map(|day| language.date(day)).unwrap_or_default();
            vec![
                ("approved", flag(own.state() == State::Active).into()),
                ("commitment", amount(&own.monthly_commitment).into()),
                ("limit", amount(&own.limit).into()),
                ("first_month", first_month.into()),
                ("explanation", own.explanation.clone().into()),
            ]
        },
        page: format!("/wallets/{}", name.id(1)),
        attachments: Vec::new(),
    };
    write_to_customer(tx, Id::from_uuid(name.id(0)), letter).await
}
