//! Approvals: requests → commands, and approvals → messages.

use super::{
    customers::customer_name,
    refs::{INVOICE, invoice_ref},
};
use crate::commands::approvals::{DecideApproval, ProposeApproval};
use payterms_chassis::{
    AppError, Call, Fields,
    fields::Digits,
    page::Page,
    render::{money, timestamp},
};
use payterms_invoicing_domain::{
    Approval, Customer,
    approval::{ApprovalState, Proposal},
};
use payterms_kernel::{Id, TenantId};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

const APPROVAL: &[&str] = &["approvals"];

/// Proposes a write-off, of what is open.
pub fn propose_write_off(
    request: Request<pb::ProposeWriteOffRequest>,
) -> Result<(Call, ProposeApproval), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("invoice", &message.invoice, INVOICE);
    let explanation = fields.printed("explanation", &message.explanation, 1, 200);
    let proposal =
        ProposeApproval { invoice: invoice_ref(&fields, &name), credit: None, explanation };
    Ok((fields.write(&message.request_id, name.tenant)?, proposal))
}

/// Proposes a credit note, of an amount.
pub fn propose_credit_note(
    request: Request<pb::ProposeCreditNoteRequest>,
) -> Result<(Call, ProposeApproval), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("invoice", &message.invoice, INVOICE);
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    let explanation = fields.printed("explanation", &message.explanation, 1, 200);
    let proposal =
        ProposeApproval { invoice: invoice_ref(&fields, &name), credit: Some(amount), explanation };
    Ok((fields.write(&message.request_id, name.tenant)?, proposal))
}

/// Says yes or no, and why.
pub fn decide_approval(
    request: Request<pb::DecideApprovalRequest>,
) -> Result<(Call, DecideApproval), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, APPROVAL);
    let explanation = fields.text("explanation", &message.explanation, 0, 1_000);
    let decision = DecideApproval {
        approval: Id::from_uuid(name.id(0)),
        approve: message.approve,
        explanation,
    };
    Ok((fields.write(&message.request_id, name.tenant)?, decision))
}

/// Names an approval to read.
pub fn get_approval(
    request: Request<pb::GetApprovalRequest>,
) -> Result<(TenantId, Id<Approval>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, APPROVAL);
    fields.finish()?;
    Ok((name.tenant.clone(), Id::from_uuid(name.id(0))))
}

/// Asks for approvals.
pub fn list_approvals(
    request: Request<pb::ListApprovalsRequest>,
) -> Result<(TenantId, Option<ApprovalState>, Page), AppError> {
    use pb::approval::State;
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &[]);
    let state =
        if message.state == 0 { None } else { fields.choice::<State>("state", message.state) };
    let state = state.and_then(|state| match state {
        State::Unspecified => None,
        State::Proposed => Some(ApprovalState::Proposed),
        State::Approved => Some(ApprovalState::Approved),
        State::Refused => Some(ApprovalState::Refused),
        State::Superseded => Some(ApprovalState::Superseded),
    });
    let page = Page::parse(
        &mut fields,
        &format!("{} {}", message.parent, message.state),
        message.page_size,
        &message.page_token,
    );
    fields.finish()?;
    Ok((name.tenant.clone(), state, page))
}

/// The name of an approval.
#[must_use]
pub fn approval_name(tenant: &TenantId, approval: &Approval) -> String {
    format!("tenants/{tenant}/approvals/{}", approval.id)
}

/// An approval of an invoice of a customer.
#[must_use]
pub fn approval(tenant: &TenantId, customer: Id<Customer>, approval: &Approval) -> pb::Approval {
    let state = match approval.state {
        ApprovalState::Proposed => pb::approval::State::Proposed,
        ApprovalState::Approved => pb::approval::State::Approved,
        ApprovalState::Refused => pb::approval::State::Refused,
        ApprovalState::Superseded => pb::approval::State::Superseded,
    };
    let kind = match approval.proposal {
        Proposal::WriteOff(_) => pb::approval::Kind::WriteOff,
        Proposal::CreditNote(_) => pb::approval::Kind::CreditNote,
    };
    // One column has both: what a person wrote, and the suite's sentence where nobody decides any
    // more.
    let (mut decision_explanation, mut superseded_sentence) =
        (approval.decision_explanation.clone(), String::new());
    if approval.state == ApprovalState::Superseded {
        std::mem::swap(&mut decision_explanation, &mut superseded_sentence);
    }
    pb::Approval {
        name: approval_name(tenant, approval),
        state: state.into(),
        invoice: format!("{}/invoices/{}", customer_name(tenant, customer), approval.invoice),
        kind: kind.into(),
        amount: Some(money(approval.proposal.amount())),
        explanation: approval.explanation.clone(),
        proposed_by: approval.proposed_by.clone(),
        decided_by: approval.decided_by.clone(),
        decision_explanation,
        create_time: Some(timestamp(approval.created_at)),
        update_time: Some(timestamp(approval.updated_at)),
        superseded_sentence,
    }
}
