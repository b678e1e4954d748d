//! A second person decides; what is approved is done in the same transaction.

use super::save::publish_approval;
use crate::{
    app::App,
    commands::approvals::DecideApproval,
    store::{approvals, invoices},
    use_cases::{credit_notes::create::apply_credit_note, invoices::write_off::give_up_invoice},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::approval::Proposal;
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::DecideApprovalResponse;

/// Decides, and does what was approved.
///
/// # Errors
/// `SEPARATION_OF_DUTIES`, `APPROVAL_STATE`, `APPROVAL_EXCEEDED`, those of the deed,
/// `RESOURCE_NOT_FOUND`.
pub async fn decide_approval(
    app: &App,
    call: &Call,
    decision: &DecideApproval,
) -> Result<Answer<DecideApprovalResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    // The invoice is locked first, as by every other verb.
    let (known, customer) = approvals::find(tx.conn(), &call.tenant, decision.approval)
        .await?
        .ok_or_else(Refusal::not_found)?;
    let invoice = invoices::lock(tx.conn(), &call.tenant, customer, known.invoice).await?;
    let mut invoice = invoice.ok_or_else(Refusal::not_found)?;
    let (mut approval, _) = approvals::lock(tx.conn(), &call.tenant, decision.approval)
        .await?
        .ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    approval.decide(&call.caller.subject, decision.approve, decision.explanation.clone(), now)?;
    let open = invoice.open()?;
    if decision.approve {
        approval.proposal.must_cover(open)?;
        // It says what is done, as the invoice does.
        approval.proposal = approval.proposal.of_what_is_open(open)?;
    }
    // Saved before the deed, which ends what else waits of the invoice and cannot be done any more.
    let rendered = publish_approval(&mut tx, &approval, customer).await?;
    if decision.approve {
        match approval.proposal {
            Proposal::WriteOff(_) => give_up_invoice(&mut tx, &mut invoice).await.map(|_| ())?,
            Proposal::CreditNote(amount) => {
                apply_credit_note(&mut tx, &mut invoice, amount, &approval.explanation).await?;
            }
        }
    }
    tx.commit(DecideApprovalResponse { approval: Some(rendered) }).await
}
