//! Postpaid agreements: requests → commands, and agreements → messages.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use crate::parse::{WALLET, WalletRef, wallet_ref};
use payterms_chassis::{
    AppError, Call, Fields,
    fields::Digits,
    page::Page,
    render::{date, money, timestamp},
};
use payterms_kernel::{Id, Money};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::postpaid::{Agreement, AgreementState, Terms};
use tonic::Request;

const AGREEMENT: &[&str] = &["customers", "wallets", "postpaidAgreements"];

/// Asks for an agreement.
pub fn ask(request: Request<pb::AskPostpaidRequest>) -> Result<(Call, WalletRef, Terms), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, WALLET);
    let commitment = fields.money("monthly_commitment", message.monthly_commitment.as_ref(), Digits::MinorUnit);
    let limit = fields.money("limit", message.limit.as_ref(), Digits::MinorUnit);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, wallet_ref(&name), Terms { commitment, limit }))
}

/// A decision.
#[derive(Debug, Clone)]
pub struct Decide {
    /// Whether the answer is yes.
    pub approve: bool,
    /// Another commitment than was asked.
    pub commitment: Option<Money>,
    /// Another limit than was asked.
    pub limit: Option<Money>,
    /// What the customer should know.
    pub explanation: String,
}

/// Says yes or no.
pub fn decide(request: Request<pb::DecidePostpaidRequest>) -> Result<(Call, WalletRef, Id<Agreement>, Decide), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, AGREEMENT);
    let mut other =
        |field: &str, own: Option<&payterms_proto::google::r#type::Money>| own.map(|own| fields.money(field, Some(own), Digits::MinorUnit));
    let commitment = other("monthly_commitment", message.monthly_commitment.as_ref());
    let limit = other("limit", message.limit.as_ref());
    let explanation = fields.text("explanation", &message.explanation, 0, 1_000);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    let decide = Decide { approve: message.approve, commitment, limit, explanation };
    Ok((call, wallet_ref(&name), Id::from_uuid(name.id(2)), decide))
}

/// Ends an agreement early.
pub fn terminate(request: Request<pb::TerminatePostpaidRequest>) -> Result<(Call, WalletRef, Id<Agreement>, String), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, AGREEMENT);
    let explanation = fields.text("explanation", &message.explanation, 0, 1_000);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, wallet_ref(&name), Id::from_uuid(name.id(2)), explanation))
}

/// Names an agreement to read.
pub fn get(request: Request<pb::GetPostpaidAgreementRequest>) -> Result<(WalletRef, Id<Agreement>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, AGREEMENT);
    fields.finish()?;
    Ok((wallet_ref(&name), Id::from_uuid(name.id(2))))
}

/// Asks for agreements.
pub fn list(request: Request<pb::ListPostpaidAgreementsRequest>) -> Result<(WalletRef, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, WALLET);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok((wallet_ref(&name), page))
}

/// The name of an agreement.
#[must_use]
pub fn name(wallet: &str, agreement: Id<Agreement>) -> String {
    format!("{wallet}/postpaidAgreements/{agreement}")
}

/// An agreement.
#[must_use]
pub fn agreement(wallet: &str, own: &Agreement) -> pb::PostpaidAgreement {
    use pb::postpaid_agreement::State;
    let state = match own.state {
        AgreementState::Requested => State::Requested,
        AgreementState::Refused => State::Refused,
        AgreementState::Active => State::Active,
        AgreementState::Ended => State::Ended,
        AgreementState::Terminated => State::Terminated,
    };
    pb::PostpaidAgreement {
        name: name(wallet, own.id),
        state: state.into(),
        monthly_commitment: Some(money(own.terms.commitment)),
        limit: Some(money(own.terms.limit)),
        first_month: own.first_month.map(date),
        billed_month_count: i32::try_from(own.billed).unwrap_or(i32::MAX),
        explanation: own.explanation.clone(),
        create_time: Some(timestamp(own.created_at)),
        update_time: Some(timestamp(own.updated_at)),
    }
}
