//! Blocks invoices for an owner, and lifts the blocks: all or none.

use super::schedule::schedule_collections;
use crate::{
    app::App,
    commands::collections::{ExpectedOpen, OwnerInvoices},
    store::invoices,
    use_cases::{invoices::save::publish_invoice, payments::pending::name_pending},
};
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_invoicing_domain::{Block, BlockReason, Invoice};
use payterms_kernel::{Money, Reason, Refusal};
use payterms_proto::invoicing::peers::v1::{BlockForOwnerResponse, UnblockForOwnerResponse};
use std::slice::from_ref;

/// Locks all of an owner's invoices.
async fn lock_owner_invoices(
    tx: &WriteTx,
    call: &Call,
    owned: &OwnerInvoices,
) -> Result<Vec<Invoice>, AppError> {
    let ids: Vec<_> = owned.invoices.iter().map(|(id, _)| *id).collect();
    let found = invoices::lock_many(tx.conn(), &call.tenant, &ids).await?;
    if found.len() < ids.len() || found.iter().any(|invoice| invoice.customer != owned.customer) {
        return Err(Refusal::not_found().into());
    }
    Ok(found)
}

/// Blocks invoices for an owner, or replaces the owner's blocks: all or none.
///
/// # Errors
/// Those of [`Invoice::set_block`], `PAYMENT_PENDING`, `PLAN_AMOUNT_CHANGED`, `RESOURCE_NOT_FOUND`.
pub async fn block_for_owner(
    app: &App,
    call: &Call,
    owned: &OwnerInvoices,
    reason: BlockReason,
) -> Result<Answer<BlockForOwnerResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut found = lock_owner_invoices(&tx, call, owned).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let mut rendered = Vec::with_capacity(found.len());
    for invoice in &mut found {
        let expected = owned
            .invoices
            .iter()
            .find(|(id, _)| *id == invoice.id)
            .map_or(ExpectedOpen::Anything, |(_, expected)| *expected);
        let known = must_be_as_expected(invoice, reason, expected);
        name_pending(&tx, from_ref(invoice), known).await?;
        invoice.set_block(Block { reason, owner: owned.owner.clone(), since: tx.today() }, now)?;
        rendered.push(publish_invoice(&mut tx, invoice).await?);
    }
    tx.commit(BlockForOwnerResponse { invoices: rendered }).await
}

fn must_be_as_expected(
    invoice: &Invoice,
    reason: BlockReason,
    expected: ExpectedOpen,
) -> Result<(), Refusal> {
    if reason == BlockReason::PlanProposed && invoice.pending.is_positive() {
        let message = format!(
            "A payment under way has reserved {} of an invoice. Wait for its end.",
            invoice.pending
        );
        return Err(
            Refusal::precondition(Reason::PAYMENT_PENDING, message).with("invoice", invoice.id)
        );
    }
    let open = invoice.open()?;
    let most = match expected {
        ExpectedOpen::Anything => return Ok(()),
        ExpectedOpen::AtMost(most) => most,
        ExpectedOpen::Nothing => Money::zero(invoice.currency),
    };
    if open.compare(most)?.is_gt() {
        let message =
            format!("{open} are open on an invoice; {most} were expected. Look at the plan again.");
        return Err(Refusal::precondition(Reason::PLAN_AMOUNT_CHANGED, message)
            .with("invoice", invoice.id)
            .with("open", open.amount()));
    }
    Ok(())
}

/// Lifts an owner's blocks; blocks of others and none at all are passed over.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn unblock_for_owner(
    app: &App,
    call: &Call,
    owned: &OwnerInvoices,
) -> Result<Answer<UnblockForOwnerResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut found = lock_owner_invoices(&tx, call, owned).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    found.retain(|invoice| invoice.block.as_ref().is_some_and(|block| block.owner == owned.owner));
    for invoice in &mut found {
        match owned.breach {
            Some((day, at_once)) => invoice.fall_after_breach(&owned.owner, day, at_once, now)?,
            None => invoice.lift_block(&owned.owner, tx.today(), now)?,
        }
        publish_invoice(&mut tx, invoice).await?;
    }
    schedule_collections(&tx, &found).await?;
    tx.commit(UnblockForOwnerResponse {}).await
}
