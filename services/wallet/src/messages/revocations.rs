//! Revocations.

use super::{
    lots::lot_name,
    names::{WALLET, wallet_ref},
};
use crate::commands::{
    lots::LotRef,
    revocations::{
        DecideRevocation, ListRevocations, ProposeRevocation, RestoreCredit, RevocationRef,
    },
};
use payterms_chassis::{
    AppError, Call, Fields,
    fields::Digits,
    names::Name,
    page::Page,
    render::{money, timestamp},
};
use payterms_kernel::Id;
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{
    Revocation, RevocationState,
    revocation::{Cause, Proposal},
};
use tonic::Request;

const REVOCATION: &[&str] = &["customers", "wallets", "revocations"];

fn revocation_ref(name: &Name) -> RevocationRef {
    RevocationRef { wallet: wallet_ref(name), revocation: Id::from_uuid(name.id(2)) }
}

/// Proposes a revocation.
pub fn propose_revocation(
    request: Request<pb::ProposeRevocationRequest>,
) -> Result<(Call, ProposeRevocation), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("lot", &message.lot, &["customers", "wallets", "lots"]);
    let cause = match fields.choice::<pb::revocation::Cause>("cause", message.cause) {
        Some(pb::revocation::Cause::Sanction) => Cause::Sanction,
        Some(pb::revocation::Cause::Error) => Cause::Error,
        // What is no cause is refused before it is used.
        Some(pb::revocation::Cause::Fraud | pb::revocation::Cause::Unspecified) | None => {
            Cause::Fraud
        }
    };
    let proposal = Proposal {
        cause,
        amount: message
            .amount
            .as_ref()
            .map(|amount| fields.money("amount", Some(amount), Digits::Wallet)),
        explanation: fields.text("explanation", &message.explanation, 1, 500),
    };
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((
        call,
        ProposeRevocation {
            lot: LotRef { wallet: wallet_ref(&name), lot: Id::from_uuid(name.id(2)) },
            proposal,
        },
    ))
}

/// Decides a proposal.
pub fn decide_revocation(
    request: Request<pb::DecideRevocationRequest>,
) -> Result<(Call, DecideRevocation), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, REVOCATION);
    let answer = fields.text("answer", &message.answer, 0, 500);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, DecideRevocation { named: revocation_ref(&name), approve: message.approve, answer }))
}

/// Gives revoked credit back.
pub fn restore_credit(
    request: Request<pb::RestoreCreditRequest>,
) -> Result<(Call, RestoreCredit), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, REVOCATION);
    let answer = fields.text("answer", &message.answer, 1, 500);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, RestoreCredit { named: revocation_ref(&name), answer }))
}

/// Names a revocation to read.
pub fn get_revocation(
    request: Request<pb::GetRevocationRequest>,
) -> Result<RevocationRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, REVOCATION);
    fields.finish()?;
    Ok(revocation_ref(&name))
}

/// Asks for revocations.
pub fn list_revocations(
    request: Request<pb::ListRevocationsRequest>,
) -> Result<ListRevocations, AppError> {
    use pb::revocation::State;
    let (mut fields, message) = Fields::open(request)?;
    let named = fields.parent("parent", &message.parent, WALLET);
    let state =
        if message.state == 0 { None } else { fields.choice::<State>("state", message.state) };
    let page = Page::parse(
        &mut fields,
        &format!("{} {}", message.parent, message.state),
        message.page_size,
        &message.page_token,
    );
    fields.finish()?;
    let state = state.and_then(|state| match state {
        State::Unspecified => None,
        State::Proposed => Some(RevocationState::Proposed),
        State::Refused => Some(RevocationState::Refused),
        State::Revoked => Some(RevocationState::Revoked),
        State::Restored => Some(RevocationState::Restored),
    });
    let (customer, wallet) = (named.id(0).map(Id::from_uuid), named.id(1).map(Id::from_uuid));
    Ok(ListRevocations { tenant: named.tenant, customer, wallet, state, page })
}

/// A revocation of the wallet of that name.
#[must_use]
pub fn revocation(wallet: &str, revocation: &Revocation) -> pb::Revocation {
    let state = match revocation.state {
        RevocationState::Proposed => pb::revocation::State::Proposed,
        RevocationState::Refused => pb::revocation::State::Refused,
        RevocationState::Revoked => pb::revocation::State::Revoked,
        RevocationState::Restored => pb::revocation::State::Restored,
    };
    let cause = match revocation.cause {
        Cause::Fraud => pb::revocation::Cause::Fraud,
        Cause::Sanction => pb::revocation::Cause::Sanction,
        Cause::Error => pb::revocation::Cause::Error,
    };
    pb::Revocation {
        name: format!("{wallet}/revocations/{}", revocation.id),
        lot: lot_name(wallet, revocation.lot),
        state: state.into(),
        cause: cause.into(),
        amount: Some(money(revocation.amount)),
        explanation: revocation.explanation.clone(),
        proposed_by: revocation.proposed_by.clone(),
        decided_by: revocation.decided_by.clone(),
        answer: revocation.answer.clone(),
        restored_lot: revocation.restored_to.map(|lot| lot_name(wallet, lot)).unwrap_or_default(),
        create_time: Some(timestamp(revocation.created_at)),
        update_time: Some(timestamp(revocation.updated_at)),
    }
}
