//! Loads the plan that a request names.

use crate::{app::App, commands::plans::PlanRef, store::plans};
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_kernel::Refusal;
use payterms_plans_domain::{Plan, PlanState, Side, Verb};
use prost::Message;
use sea_orm::ConnectionTrait;

/// Locks the plan that a request names. A pending plan does not exist for callers: it disappears if
/// its invoices cannot be blocked.
pub(super) async fn lock_plan(tx: &WriteTx, named: &PlanRef) -> Result<Plan, AppError> {
    let locked = plans::lock(tx.conn(), &named.tenant, named.plan).await?;
    let is_visible =
        |plan: &Plan| plan.customer == named.customer && plan.state != PlanState::Pending;
    Ok(locked.filter(is_visible).ok_or_else(Refusal::not_found)?)
}

/// Reads the plan that a request names. A pending plan does not exist for callers.
pub(super) async fn find_plan<C: ConnectionTrait>(
    conn: &C,
    named: &PlanRef,
) -> Result<Plan, AppError> {
    let stored = plans::find_many(conn, &named.tenant, &[named.plan]).await?.pop();
    let is_visible =
        |plan: &Plan| plan.customer == named.customer && plan.state != PlanState::Pending;
    Ok(stored.filter(is_visible).ok_or_else(Refusal::not_found)?)
}

/// Locks a plan for a command that is answered when its flow closes. If the request was made
/// before, answers with the result of its flow instead. The request id is looked up after the lock,
/// so that two copies of a request cannot both begin.
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

/// The side that may use a verb.
pub(super) fn side_of(verb: Verb) -> Side {
    if matches!(verb, Verb::Withdraw | Verb::AcceptCounter | Verb::DeclineCounter) {
        Side::Customer
    } else {
        Side::Tenant
    }
}
