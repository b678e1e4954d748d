//! Proposes what takes a second person.

use super::save::publish_approval;
use crate::{
    app::App,
    commands::approvals::ProposeApproval,
    messages,
    store::approvals,
    use_cases::{invoices::load::lock_invoice, payments::pending::name_pending},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::{
    Approval,
    approval::{ApprovalState, Proposal, waits_already},
};
use payterms_kernel::{Refusal, TenantId};
use payterms_proto::invoicing::v1::{
    Approval as ApprovalMessage, ProposeCreditNoteResponse, ProposeWriteOffResponse,
};
use prost::Message;
use std::slice::from_ref;

/// The answers of both proposals have the same shape: one field, the approval.
pub trait ProposalAnswer: Message + Default {
    /// The answer that holds an approval.
    fn of(approval: ApprovalMessage) -> Self;
}

impl ProposalAnswer for ProposeWriteOffResponse {
    fn of(approval: ApprovalMessage) -> Self {
        Self { approval: Some(approval) }
    }
}

impl ProposalAnswer for ProposeCreditNoteResponse {
    fn of(approval: ApprovalMessage) -> Self {
        Self { approval: Some(approval) }
    }
}

/// Refuses what is proposed already: one is enough.
fn must_be_alone(
    tenant: &TenantId,
    waiting: &[Approval],
    proposal: Proposal,
) -> Result<(), Refusal> {
    let Some((first, refusal)) = waits_already(waiting, proposal) else { return Ok(()) };
    Err(refusal.with("approval", messages::approvals::approval_name(tenant, first)))
}

/// Proposes a credit note of an amount, or else a write-off of what is open; what would be refused
/// now is not proposed.
///
/// # Errors
/// Those of the deed, `APPROVAL_WAITS`, `RESOURCE_NOT_FOUND`.
pub async fn propose_approval<A: ProposalAnswer>(
    app: &App,
    call: &Call,
    proposed: &ProposeApproval,
) -> Result<Answer<A>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let invoice = lock_invoice(&tx, &proposed.invoice).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let waiting = approvals::waiting_for(tx.conn(), &call.tenant, invoice.id).await?;
    let mut would_be = invoice.clone();
    let proposal = match proposed.credit {
        Some(amount) => Proposal::CreditNote(amount),
        None => Proposal::WriteOff(invoice.open()?),
    };
    must_be_alone(&call.tenant, &waiting, proposal)?;
    if let Proposal::CreditNote(amount) = proposal {
        let credited = would_be.credit(amount, now);
        name_pending(&tx, from_ref(&invoice), credited).await?;
    } else {
        let given_up = would_be.write_off(now);
        name_pending(&tx, from_ref(&invoice), given_up).await?;
    }
    let approval = Approval {
        id: tx.id(),
        invoice: invoice.id,
        proposal,
        state: ApprovalState::Proposed,
        explanation: proposed.explanation.clone(),
        proposed_by: call.caller.subject.clone(),
        decided_by: String::new(),
        decision_explanation: String::new(),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let rendered = publish_approval(&mut tx, &approval, invoice.customer).await?;
    tx.commit(A::of(rendered)).await
}
