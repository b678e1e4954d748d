//! Sends a proposal: the intent, then a flow that blocks the invoices, all or none.

use super::{actor, move_plan};
use crate::{
    App,
    invoicing::Invoicing,
    parse::Asked,
    render,
    store::{covered, plans, settings},
};
use chrono::TimeDelta;
use payterms_chassis::{Answer, AppError, Call, WriteTx, call::Caller, kill};
use payterms_kernel::calendar::day_in;
use payterms_plans_domain::{
    Actor, Plan, Side,
    life::Figures,
    proposal::{Facts, propose},
    settings::PROPOSAL_DAYS,
};
use payterms_proto::plans::v1::{PreviewPlanResponse, ProposePlanResponse};

/// Runs the verb.
///
/// # Errors
/// Those of [`propose`]; the flow's, where an invoice changed meanwhile.
pub async fn run(app: &App, call: &Call, asked: &Asked) -> Result<Answer<ProposePlanResponse>, AppError> {
    if app.flows.knows(call).await? {
        let mut tx = app.db.begin_forward(call).await?;
        tx.seen().await?;
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let facts = facts(app, &call.caller, asked).await?;
    let mut tx = app.db.begin(call).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let plan = plan(&mut tx, asked, facts, actor(call, Side::Customer)).await?;
    plans::save(tx.conn(), &call.tenant, &plan).await?;
    let lease = app.flows.open(&tx, move_plan::FLOW, plan.id.uuid()).await?;
    kill::point("plan.before_intent");
    tx.commit_intent(plan.id.uuid()).await?;
    kill::point("plan.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// What the plan would be, without any effect.
///
/// # Errors
/// Those of [`propose`].
pub async fn preview(app: &App, caller: &Caller, asked: &Asked) -> Result<PreviewPlanResponse, AppError> {
    let facts = facts(app, caller, asked).await?;
    let tenant = &asked.customer.tenant;
    let call = Call::own("plans", tenant, "preview", uuid::Uuid::from_bytes(rand::random()), None);
    let mut tx = app.db.begin_forward(&call).await?;
    let by = Actor { side: Side::Customer, subject: caller.subject.clone() };
    let mut plan = plan(&mut tx, asked, facts, by).await?;
    let (zone, now) = (tx.time().zone, tx.now());
    drop(tx);
    let known: Vec<_> = plan
        .covered
        .iter()
        .map(|own| (own.invoice, Figures { open: own.open, paid: own.paid, due_on: own.due_on, revision: own.revision }))
        .collect();
    plan.blocked(&known, zone, now)?;
    Ok(PreviewPlanResponse { plan: Some(render::preview(tenant, &plan)?) })
}

async fn facts(app: &App, caller: &Caller, asked: &Asked) -> Result<Vec<Facts>, AppError> {
    Invoicing::new(app, &asked.customer.tenant, asked.customer.customer).facts(caller, &asked.invoices).await
}

async fn plan(tx: &mut WriteTx, asked: &Asked, mut facts: Vec<Facts>, by: Actor) -> Result<Plan, AppError> {
    let tenant = asked.customer.tenant.clone();
    let now = tx.now();
    let settings = settings::find(tx.conn(), &tenant).await?;
    let since = now - TimeDelta::days(PROPOSAL_DAYS);
    let counted = covered::proposals(tx.conn(), &tenant, &asked.invoices, since).await?;
    let held = covered::held(tx.conn(), &tenant, &asked.invoices).await?;
    for own in &mut facts {
        let id = own.covered.invoice.uuid();
        own.proposals = counted.get(&id).copied().unwrap_or_default();
        // Its block may be on its way.
        if held.contains(&id) && own.blocked.is_empty() {
            "PAYMENT_PLAN_PROPOSED".clone_into(&mut own.blocked);
        }
    }
    let today = day_in(tx.time().zone, now);
    let who = (tx.id(), asked.customer.customer, by);
    Ok(propose(who, facts, asked.proposal.clone(), &settings, (today, now))?)
}
