//! Approvals: one person proposes, another decides, and then it is done in the same transaction.

use super::{create_invoice::locked, take_back_invoice};
use crate::{
    App,
    commands::invoices::InvoiceRef,
    messages,
    store::{approvals, invoices, tenants},
};
use payterms_chassis::{Answer, AppError, Call, WriteTx, page::Page};
use payterms_invoicing_domain::{
    Approval, Customer,
    approval::{ApprovalState, Proposal, must_be_within},
};
use payterms_kernel::{Id, Money, Refusal, TenantId};
use payterms_proto::invoicing::v1::{
    Approval as ApprovalMessage, ApprovalChanged, DecideApprovalResponse, GetApprovalResponse, ListApprovalsResponse,
    ProposeCreditNoteResponse, ProposeWriteOffResponse,
};
use prost::Message;
use uuid::Uuid;

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

/// Proposes a credit note of an amount, or else a write-off of what is open; what would be refused now is not
/// proposed.
///
/// # Errors
/// Those of the deed, `RESOURCE_NOT_FOUND`.
pub async fn propose<A: ProposalAnswer>(
    app: &App,
    call: &Call,
    named: &InvoiceRef,
    (credit, reason): (Option<Money>, &str),
) -> Result<Answer<A>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let invoice = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let mut would_be = invoice.clone();
    let proposal = if let Some(amount) = credit {
        would_be.credit(amount, now)?;
        Proposal::CreditNote(amount)
    } else {
        would_be.write_off(now)?;
        Proposal::WriteOff(invoice.open()?)
    };
    let approval = Approval {
        id: tx.id(),
        invoice: invoice.id,
        proposal,
        state: ApprovalState::Proposed,
        reason: reason.to_owned(),
        proposed_by: call.caller.subject.clone(),
        decided_by: String::new(),
        explanation: String::new(),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let rendered = publish(&mut tx, (&approval, invoice.customer)).await?;
    tx.commit(A::of(rendered)).await
}

async fn publish(tx: &mut WriteTx, (own, customer): (&Approval, Id<Customer>)) -> Result<ApprovalMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    approvals::save(tx.conn(), &tenant, (own, customer)).await?;
    let rendered = messages::approvals::approval(&tenant, customer, own);
    tx.emit("approval", &own.id.to_string(), &ApprovalChanged { approval: Some(rendered.clone()) }).await?;
    Ok(rendered)
}

/// Decides, and does what was approved.
///
/// # Errors
/// `SEPARATION_OF_DUTIES`, `APPROVAL_STATE`, `APPROVAL_EXCEEDED`, those of the deed, `RESOURCE_NOT_FOUND`.
pub async fn decide(
    app: &App,
    call: &Call,
    id: Id<Approval>,
    (approve, explanation): (bool, &str),
) -> Result<Answer<DecideApprovalResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    // The invoice is locked first, as by every other verb.
    let (known, customer) = approvals::find(tx.conn(), &call.tenant, id).await?.ok_or_else(Refusal::not_found)?;
    let invoice = invoices::lock(tx.conn(), &call.tenant, customer, known.invoice).await?;
    let mut invoice = invoice.ok_or_else(Refusal::not_found)?;
    let (mut own, _) = approvals::lock(tx.conn(), &call.tenant, id).await?.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    own.decide(&call.caller.subject, (approve, explanation.to_owned()), now)?;
    if approve {
        own.proposal.must_cover(invoice.open()?)?;
        match own.proposal {
            Proposal::WriteOff(_) => take_back_invoice::give_up(&mut tx, &mut invoice).await.map(|_| ())?,
            Proposal::CreditNote(amount) => take_back_invoice::take_off(&mut tx, &mut invoice, (amount, &own.reason)).await?,
        }
    }
    let rendered = publish(&mut tx, (&own, customer)).await?;
    tx.commit(DecideApprovalResponse { approval: Some(rendered) }).await
}

/// Refuses what takes a second person; owners are trusted alone.
///
/// # Errors
/// `SECOND_PERSON_REQUIRED`.
pub(super) async fn must_be_allowed(tx: &WriteTx, amount: Money) -> Result<(), AppError> {
    if tx.call().caller.has("OWNER") {
        return Ok(());
    }
    let tenant = tenants::find(tx.conn(), &tx.call().tenant).await?;
    Ok(must_be_within(tenant.and_then(|own| own.approval_limit(amount.currency())), amount)?)
}

/// One approval.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get(app: &App, tenant: &TenantId, id: Id<Approval>) -> Result<GetApprovalResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let (own, customer) = approvals::find(&conn, tenant, id).await?.ok_or_else(Refusal::not_found)?;
    Ok(GetApprovalResponse { approval: Some(messages::approvals::approval(tenant, customer, &own)) })
}

/// A page of approvals, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list(app: &App, tenant: &TenantId, state: Option<ApprovalState>, page: &Page) -> Result<ListApprovalsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    let mut found = approvals::list(&conn, tenant, (state, before), page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |(own, _)| own.id.to_string());
    let approvals = found.iter().map(|(own, customer)| messages::approvals::approval(tenant, *customer, own)).collect();
    Ok(ListApprovalsResponse { approvals, next_page_token })
}
