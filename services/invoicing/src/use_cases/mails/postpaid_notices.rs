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
pub async fn mail_postpaid_decision(
    tx: &mut WriteTx,
    event: &PostpaidAgreementChanged,
) -> Result<(), AppError> {
    let Some(postpaid_agreement) = event.postpaid_agreement.as_ref().filter(|_| event.decided)
    else {
        return Ok(());
    };
    let name =
        names::parse(&postpaid_agreement.name, &["customers", "wallets", "postpaidAgreements"]);
    let name = name.ok_or_else(|| {
        AppError::Fault(format!("postpaid agreement {:?}", postpaid_agreement.name))
    })?;
    let letter = Letter {
        kind: MailKind::PostpaidDecided,
        variables: |language: Language| {
            let amount = |amount: &Option<Money>| {
                amount
                    .as_ref()
                    .and_then(money_of)
                    .map(|amount| language.money(amount))
                    .unwrap_or_default()
            };
            let first_month = postpaid_agreement
                .first_month
                .as_ref()
                .and_then(date_of)
                .map(|day| language.date(day))
                .unwrap_or_default();
            vec![
                ("approved", flag(postpaid_agreement.state() == State::Active).into()),
                ("commitment", amount(&postpaid_agreement.monthly_commitment).into()),
                ("limit", amount(&postpaid_agreement.limit).into()),
                ("first_month", first_month.into()),
                ("explanation", postpaid_agreement.explanation.clone().into()),
            ]
        },
        page: format!("/wallets/{}", name.id(1)),
        attachments: Vec::new(),
    };
    write_to_customer(tx, Id::from_uuid(name.id(0)), letter).await
}
