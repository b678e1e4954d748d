//! Sends a proposal: stores an intent, then a flow blocks the invoices, all or none.

use super::switch_blocks;
use crate::{
    app::App,
    commands::plans::ProposePlan,
    messages::names::plan_name,
    peers::invoicing::Invoicing,
    store::{covered_invoices, plan_settings, plans},
    use_cases::actor,
};
use chrono::TimeDelta;
use payterms_chassis::{Answer, AppError, Call, WriteTx, call::Caller, kill, marks::must_be_free};
use payterms_plans_domain::{
    Actor, Plan, Side,
    proposal::{Block, Facts, NewPlan, propose},
    settings::PROPOSAL_DAYS,
};
use payterms_proto::plans::v1::ProposePlanResponse;

/// Proposes a plan.
///
/// # Errors
/// As [`propose`]; `EXTERNAL_ID_TAKEN`; invoicing's refusal to block, if an invoice has changed
/// since it was read.
pub async fn propose_plan(
    app: &App,
    call: &Call,
    command: &ProposePlan,
) -> Result<Answer<ProposePlanResponse>, AppError> {
    // A repeated request is answered before invoicing is read: its invoices are blocked by now,
    // and checking them again would refuse it.
    if app.flows.knows(call).await? {
        let mut tx = app.db.begin_forward(call).await?;
        tx.seen().await?;
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let facts = read_facts(app, &call.caller, command).await?;
    let mut tx = app.db.begin(call).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let mut plan = proposed_plan(&mut tx, command, facts, actor(call, Side::Customer)).await?;
    must_be_free(&tx, plans::NAMED, plan.id.uuid(), command.marks.external_id.as_deref()).await?;
    plan.marks.clone_from(&command.marks);
    plans::save(tx.conn(), &call.tenant, &plan).await?;
    let lease = app.flows.open(&tx, switch_blocks::FLOW, plan.id.uuid()).await?;
    kill::point("plan.before_intent");
    tx.commit_intent(plan.id.uuid()).await?;
    kill::point("plan.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// The facts of the invoices, as far as invoicing shows them to the caller.
pub(super) async fn read_facts(
    app: &App,
    caller: &Caller,
    command: &ProposePlan,
) -> Result<Vec<Facts>, AppError> {
    Invoicing::new(app, &command.customer.tenant, command.customer.customer)
        .facts(caller, &command.invoices)
        .await
}

/// Makes the plan of a proposal, without saving it.
pub(super) async fn proposed_plan(
    tx: &mut WriteTx,
    command: &ProposePlan,
    mut facts: Vec<Facts>,
    by: Actor,
) -> Result<Plan, AppError> {
    let tenant = command.customer.tenant.clone();
    let now = tx.now();
    let settings = plan_settings::find(tx.conn(), &tenant).await?;
    let since = now - TimeDelta::days(PROPOSAL_DAYS);
    let counted = covered_invoices::proposals(tx.conn(), &tenant, &command.invoices, since).await?;
    let held_by_plans =
        covered_invoices::held_by_live_plans(tx.conn(), &tenant, &command.invoices).await?;
    for invoice in &mut facts {
        let id = invoice.covered.invoice.uuid();
        invoice.proposals = counted.get(&id).copied().unwrap_or_default();
        // Another plan holds the invoice, but its flow has not set the block yet.
        if let (Some(plan), None) = (held_by_plans.get(&id), &invoice.block) {
            let owner = plan_name(&tenant, command.customer.customer, *plan);
            invoice.block = Some(Block { reason: "PAYMENT_PLAN_PROPOSED".to_owned(), owner });
        }
    }
    let today = tx.today();
    let new = NewPlan { id: tx.id(), customer: command.customer.customer, by };
    Ok(propose(new, facts, command.proposal.clone(), &settings, today, now)?)
}
