//! The tenant makes a breached plan active again.

use super::{load::lock_for_flow, switch_blocks::begin_block_switch};
use crate::{
    app::App,
    commands::plans::ExplainedChange,
    messages::names::plan_name,
    store::{covered_invoices, plans},
    use_cases::actor,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::{Reason, Refusal};
use payterms_plans_domain::{Side, Verb};
use prost::Message;

/// Reinstates a plan. A flow blocks its invoices again, and the answer waits for it.
///
/// # Errors
/// As [`payterms_plans_domain::Plan::block_for`]; `RESOURCE_NOT_FOUND`; `INVOICE_BLOCKED` if
/// another plan holds an invoice; invoicing's refusal of the blocks.
pub async fn reinstate_plan<A: Message + Default>(
    app: &App,
    call: &Call,
    command: &ExplainedChange,
) -> Result<Answer<A>, AppError> {
    let (tx, mut plan) = match lock_for_flow(app, call, &command.plan).await? {
        Ok(opened) => opened,
        Err(answer) => return Ok(answer),
    };
    plan.target(Verb::Reinstate)?;
    plan.must_have_something_open()?;
    let ids: Vec<_> = plan.covered.iter().map(|covered| covered.invoice).collect();
    if let Some(other) = covered_invoices::held_by_live_plans(tx.conn(), &call.tenant, &ids)
        .await?
        .into_values()
        .min_by_key(|plan| plan.uuid())
    {
        let message = "Another plan holds an invoice of this one. Answer that one first.";
        let other = plans::find_many(tx.conn(), &call.tenant, &[other]).await?.pop();
        let other = other.ok_or_else(|| AppError::Fault("a live plan without a row".to_owned()))?;
        let block =
            if other.state.is_running() { "PAYMENT_PLAN_ACTIVE" } else { "PAYMENT_PLAN_PROPOSED" };
        let owner = plan_name(&call.tenant, other.customer, other.id);
        return Err(Refusal::precondition(Reason::INVOICE_BLOCKED, message)
            .with("block_reason", block)
            .with("owner", owner)
            .into());
    }
    plan.block_for(Verb::Reinstate, actor(call, Side::Tenant), &command.explanation, tx.now())?;
    begin_block_switch(app, call, tx, plan).await
}
