//! Links to an applicant's accounts.

use super::{
    applications::{application, application_ref},
    names::BANK_LINK,
};
use crate::commands::applications::{ApplicationRef, ConfirmBankLink};
use payterms_chassis::{AppError, Call, Fields, render::timestamp};
use payterms_credit_domain::{BankLink, LinkState};
use payterms_kernel::Id;
use payterms_proto::credit::v1 as pb;
use tonic::Request;

/// Links an account.
pub fn link_bank_account(
    request: Request<pb::LinkBankAccountRequest>,
) -> Result<(Call, ApplicationRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    application(fields, &message.request_id, &message.name)
}

/// Asks whether the applicant is through with the page of a link.
pub fn confirm_bank_link(
    request: Request<pb::ConfirmBankLinkRequest>,
) -> Result<(Call, ConfirmBankLink), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, BANK_LINK);
    let command = ConfirmBankLink {
        application: application_ref(&fields, &name),
        link: Id::from_uuid(name.id(2)),
    };
    Ok((fields.write(&message.request_id, name.tenant)?, command))
}

/// A link; its page is for the customer alone.
#[must_use]
pub fn bank_link(application: &str, link: &BankLink, as_customer: bool) -> pb::BankLink {
    use pb::bank_link::State;
    let state = match link.state {
        LinkState::Pending => State::Pending,
        LinkState::Linked => State::Linked,
        LinkState::Broken => State::Broken,
        LinkState::Expired => State::Expired,
        LinkState::Removed => State::Removed,
    };
    let url = if as_customer && link.state == LinkState::Pending {
        link.url.clone()
    } else {
        String::new()
    };
    pb::BankLink {
        name: format!("{application}/bankLinks/{}", link.id),
        state: state.into(),
        institution: link.institution.clone(),
        url,
        expire_time: Some(timestamp(link.expires_at)),
        create_time: Some(timestamp(link.created_at)),
    }
}
