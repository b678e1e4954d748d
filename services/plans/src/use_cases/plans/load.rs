//! A plan, as verbs find it.

use crate::{app::App, commands::plans::PlanRef, store::plans};
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_kernel::Refusal;
use payterms_plans_domain::{Plan, PlanState, Side, Verb};
use prost::Message;
use sea_orm::ConnectionTrait;

/// The plan that a request names, its row locked. One that is being sent is not there yet.
pub(super) async fn lock_plan(tx: &WriteTx, named: &PlanRef) -> Result<Plan, AppError> {
    let found = plans::lock(tx.conn(), &named.tenant, named.plan).await?;
    let shown = |plan: &Plan| plan.customer == named.customer && plan.state != PlanState::Pending;
    Ok(found.filter(shown).ok_or_else(Refusal::not_found)?)
}

/// The plan that a request names. One that is being sent is not there yet.
pub(super) async fn find_plan<C: ConnectionTrait>(conn: &C, named: &PlanRef) -> Result<Plan, AppError> {
    let found = plans::find_many(conn, &named.tenant, &[named.plan]).await?.pop();
    let shown = |plan: &Plan| plan.customer == named.customer && plan.state != PlanState::Pending;
    Ok(found.filter(shown).ok_or_else(Refusal::not_found)?)
}

/// Locks a plan for a verb whose answer comes when a flow has closed.
pub(super) async fn lock_for_flow<A: Message + Default>(
    app: &App,
    call: &Call,
    named: &PlanRef,
) -> Result<Result<(WriteTx, Plan), Answer<A>>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let plan = lock_plan(&tx, named).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return Ok(Err(app.flows.answer(call, true).await?));
    }
    Ok(Ok((tx, plan)))
}

/// Whose verb it is.
pub(super) fn side_of(verb: Verb) -> Side {
    if matches!(verb, Verb::Withdraw | Verb::AcceptCounter | Verb::DeclineCounter) { Side::Customer } else { Side::Tenant }
}
