//! Postpaid agreements.

use super::names::{WALLET, list_of_wallet, wallet_ref};
use crate::commands::{
    postpaid::{AgreementRef, DecidePostpaid, RequestPostpaid, TerminatePostpaid},
    wallets::WalletRef,
};
use payterms_chassis::{
    AppError, Call, Fields,
    fields::Digits,
    names::Name,
    page::Page,
    render::{date, money, timestamp},
};
use payterms_kernel::Id;
use payterms_proto::{google::r#type::Money as MoneyMessage, wallet::v1 as pb};
use payterms_wallet_domain::postpaid::{Agreement, AgreementState, Terms};
use tonic::Request;

const AGREEMENT: &[&str] = &["customers", "wallets", "postpaidAgreements"];

fn agreement_ref(name: &Name) -> AgreementRef {
    AgreementRef { wallet: wallet_ref(name), agreement: Id::from_uuid(name.id(2)) }
}

/// Requests an agreement.
pub fn request_postpaid(
    request: Request<pb::RequestPostpaidRequest>,
) -> Result<(Call, RequestPostpaid), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, WALLET);
    let commitment =
        fields.money("monthly_commitment", message.monthly_commitment.as_ref(), Digits::MinorUnit);
    let limit = fields.money("limit", message.limit.as_ref(), Digits::MinorUnit);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, RequestPostpaid { wallet: wallet_ref(&name), terms: Terms { commitment, limit } }))
}

/// Approves or refuses an agreement.
pub fn decide_postpaid(
    request: Request<pb::DecidePostpaidRequest>,
) -> Result<(Call, DecidePostpaid), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, AGREEMENT);
    let mut other = |field: &str, amount: Option<&MoneyMessage>| {
        amount.map(|amount| fields.money(field, Some(amount), Digits::MinorUnit))
    };
    let commitment = other("monthly_commitment", message.monthly_commitment.as_ref());
    let limit = other("limit", message.limit.as_ref());
    let explanation = fields.text("explanation", &message.explanation, 0, 1_000);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((
        call,
        DecidePostpaid {
            agreement: agreement_ref(&name),
            approve: message.approve,
            commitment,
            limit,
            explanation,
        },
    ))
}

/// Ends an agreement early.
pub fn terminate_postpaid(
    request: Request<pb::TerminatePostpaidRequest>,
) -> Result<(Call, TerminatePostpaid), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, AGREEMENT);
    let explanation = fields.text("explanation", &message.explanation, 0, 1_000);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, TerminatePostpaid { agreement: agreement_ref(&name), explanation }))
}

/// Names an agreement to read.
pub fn get_postpaid_agreement(
    request: Request<pb::GetPostpaidAgreementRequest>,
) -> Result<AgreementRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, AGREEMENT);
    fields.finish()?;
    Ok(agreement_ref(&name))
}

/// Names a wallet whose agreements are listed.
pub fn list_postpaid_agreements(
    request: Request<pb::ListPostpaidAgreementsRequest>,
) -> Result<(WalletRef, Page), AppError> {
    let (fields, message) = Fields::open(request)?;
    list_of_wallet(fields, &message.parent, message.page_size, &message.page_token)
}

/// The name of an agreement.
#[must_use]
pub fn agreement_name(wallet: &str, agreement: Id<Agreement>) -> String {
    format!("{wallet}/postpaidAgreements/{agreement}")
}

/// An agreement.
#[must_use]
pub fn postpaid_agreement(wallet: &str, agreement: &Agreement) -> pb::PostpaidAgreement {
    use pb::postpaid_agreement::State;
    let state = match agreement.state {
        AgreementState::Requested => State::Requested,
        AgreementState::Refused => State::Refused,
        AgreementState::Active => State::Active,
        AgreementState::Ended => State::Ended,
        AgreementState::Terminated => State::Terminated,
    };
    pb::PostpaidAgreement {
        name: agreement_name(wallet, agreement.id),
        state: state.into(),
        monthly_commitment: Some(money(agreement.terms.commitment)),
        limit: Some(money(agreement.terms.limit)),
        first_month: agreement.first_month.map(date),
        billed_month_count: i32::try_from(agreement.billed).unwrap_or(i32::MAX),
        explanation: agreement.explanation.clone(),
        create_time: Some(timestamp(agreement.created_at)),
        update_time: Some(timestamp(agreement.updated_at)),
    }
}
