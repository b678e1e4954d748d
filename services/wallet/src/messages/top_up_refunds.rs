//! Refunds of top-ups.

use super::names::wallet_ref;
use crate::commands::top_ups::{RefundTopUp, TopUpRef};
use payterms_chassis::{
    AppError, Call, Fields,
    fields::Digits,
    names::Name,
    page::Page,
    render::{money, timestamp},
};
use payterms_kernel::Id;
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{TopUpRefund, TopUpRefundState, top_up_refund::RefundRequest};
use tonic::Request;

const TOP_UP: &[&str] = &["customers", "wallets", "topUps"];
const REFUND: &[&str] = &["customers", "wallets", "topUps", "refunds"];

fn top_up_ref(name: &Name) -> TopUpRef {
    TopUpRef { wallet: wallet_ref(name), top_up: Id::from_uuid(name.id(2)) }
}

/// Refunds a top-up.
pub fn refund_top_up(
    request: Request<pb::RefundTopUpRequest>,
) -> Result<(Call, RefundTopUp), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, TOP_UP);
    let credit = message
        .credit
        .as_ref()
        .map(|credit| fields.money("credit", Some(credit), Digits::MinorUnit));
    let explanation = fields.printed("explanation", &message.explanation, 1, 500);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((
        call,
        RefundTopUp { top_up: top_up_ref(&name), request: RefundRequest { credit, explanation } },
    ))
}

/// Names a refund to read.
pub fn get_top_up_refund(
    request: Request<pb::GetTopUpRefundRequest>,
) -> Result<(TopUpRef, Id<TopUpRefund>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, REFUND);
    fields.finish()?;
    Ok((top_up_ref(&name), Id::from_uuid(name.id(3))))
}

/// Names a top-up whose refunds are listed.
pub fn list_top_up_refunds(
    request: Request<pb::ListTopUpRefundsRequest>,
) -> Result<(TopUpRef, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, TOP_UP);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok((top_up_ref(&name), page))
}

/// A refund of a top-up of the wallet of that name.
pub fn top_up_refund(wallet: &str, refund: &TopUpRefund) -> Result<pb::TopUpRefund, AppError> {
    let state = match refund.state {
        TopUpRefundState::Processing => pb::top_up_refund::State::Processing,
        TopUpRefundState::Succeeded => pb::top_up_refund::State::Succeeded,
        TopUpRefundState::Failed => pb::top_up_refund::State::Failed,
    };
    Ok(pb::TopUpRefund {
        name: format!("{wallet}/topUps/{}/refunds/{}", refund.top_up, refund.id),
        state: state.into(),
        credit: Some(money(refund.credit)),
        tax: Some(money(refund.tax)),
        amount: Some(money(refund.amount()?)),
        explanation: refund.explanation.clone(),
        provider_refund_id: refund.provider_refund_id.clone(),
        create_time: Some(timestamp(refund.created_at)),
        update_time: Some(timestamp(refund.updated_at)),
    })
}
