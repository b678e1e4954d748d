//! Set-ups of payment methods.

use super::{
    methods::{method_kind, method_name},
    names::{CUSTOMER, customer_ref},
};
use crate::commands::{customers::CustomerRef, methods::StartMethodSetup};
use payterms_chassis::{AppError, Call, Fields, render::timestamp};
use payterms_kernel::Id;
use payterms_proto::wallet::v1::{self as pb, payment_method::Kind};
use payterms_wallet_domain::{MethodKind, MethodSetup, method_setup::SetupState};
use tonic::Request;

/// Starts a set-up.
pub fn start_method_setup(
    request: Request<pb::StartMethodSetupRequest>,
) -> Result<(Call, StartMethodSetup), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, CUSTOMER);
    // Nothing is saved of a bank transfer, and a credit line is activated.
    let kind = method_kind(&mut fields, "kind", message.kind, &[Kind::Card, Kind::BankDebit]);
    let code = message.currency_code.as_str();
    let currency = (!code.is_empty()).then(|| fields.currency("currency_code", code));
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    Ok((
        call,
        StartMethodSetup {
            customer: customer_ref(&parent),
            kind: kind.unwrap_or(MethodKind::Card),
            currency,
        },
    ))
}

/// Names a set-up to read.
pub fn get_method_setup(
    request: Request<pb::GetMethodSetupRequest>,
) -> Result<(CustomerRef, Id<MethodSetup>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers", "methodSetups"]);
    fields.finish()?;
    Ok((customer_ref(&name), Id::from_uuid(name.id(1))))
}

/// A set-up.
#[must_use]
pub fn method_setup(customer: &str, setup: &MethodSetup) -> pb::MethodSetup {
    let state = match setup.state {
        SetupState::Created => pb::method_setup::State::Created,
        SetupState::Pending => pb::method_setup::State::Pending,
        SetupState::Active => pb::method_setup::State::Active,
        SetupState::Failed => pb::method_setup::State::Failed,
        SetupState::Expired => pb::method_setup::State::Expired,
    };
    pb::MethodSetup {
        name: format!("{customer}/methodSetups/{}", setup.id),
        state: state.into(),
        hosted_url: setup.hosted_url.clone(),
        payment_method: setup
            .method
            .map(|method| method_name(customer, method))
            .unwrap_or_default(),
        failure_reason: setup.failure_reason.clone(),
        expire_time: Some(timestamp(setup.expires_at)),
        create_time: Some(timestamp(setup.created_at)),
        provider: setup.provider.clone(),
    }
}
