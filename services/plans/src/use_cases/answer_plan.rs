//! Answers to a proposal, and what the tenant does to a plan later.

use super::{News, actor, locked, move_plan, publish};
use crate::{
    App,
    parse::{Accept, Counter, PlanRef},
    store::{covered, settings},
};
use payterms_chassis::{Answer, AppError, Call, WriteTx, etag};
use payterms_kernel::Refusal;
use payterms_plans_domain::{Plan, Side, Verb};
use payterms_proto::plans::v1::{CounterPlanResponse, DeclineCounterOfferResponse};
use prost::Message;

/// Whose verb it is.
fn side(verb: Verb) -> Side {
    if matches!(verb, Verb::Withdraw | Verb::AcceptCounter | Verb::DeclineCounter) { Side::Customer } else { Side::Tenant }
}

/// Locks a plan for a verb whose answer comes when a flow has closed.
async fn open<A: Message + Default>(app: &App, call: &Call, named: &PlanRef) -> Result<Result<(WriteTx, Plan), Answer<A>>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let plan = locked(&tx, named).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return Ok(Err(app.flows.answer(call, true).await?));
    }
    Ok(Ok((tx, plan)))
}

/// The tenant approves, or the customer accepts a counter-offer.
///
/// # Errors
/// Those of [`Plan::accept`], `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`; the flow's.
pub async fn accept<A: Message + Default>(
    app: &App,
    call: &Call,
    named: &PlanRef,
    verb: Verb,
    accept: &Accept,
) -> Result<Answer<A>, AppError> {
    let (tx, mut plan) = match open(app, call, named).await? {
        Ok(opened) => opened,
        Err(answer) => return Ok(answer),
    };
    etag::check(&accept.etag, plan.version)?;
    plan.accept(verb, actor(call, side(verb)), accept.total_seen, tx.now())?;
    move_plan::begin(app, call, tx, plan).await
}

/// A plan ends by somebody's word: refused, withdrawn, cancelled.
///
/// # Errors
/// Those of [`Plan::end`], `RESOURCE_NOT_FOUND`.
pub async fn end<A: Message + Default>(
    app: &App,
    call: &Call,
    named: &PlanRef,
    verb: Verb,
    explanation: &str,
) -> Result<Answer<A>, AppError> {
    let (tx, mut plan) = match open(app, call, named).await? {
        Ok(opened) => opened,
        Err(answer) => return Ok(answer),
    };
    plan.end(verb, actor(call, side(verb)), explanation, tx.now())?;
    move_plan::begin(app, call, tx, plan).await
}

/// A breached plan gets another chance.
///
/// # Errors
/// Those of [`Plan::block_for`], `RESOURCE_NOT_FOUND`; the flow's.
pub async fn reinstate<A: Message + Default>(app: &App, call: &Call, named: &PlanRef, explanation: &str) -> Result<Answer<A>, AppError> {
    let (tx, mut plan) = match open(app, call, named).await? {
        Ok(opened) => opened,
        Err(answer) => return Ok(answer),
    };
    plan.target(Verb::Reinstate)?;
    let ids: Vec<_> = plan.covered.iter().map(|own| own.invoice).collect();
    if !covered::held(tx.conn(), &call.tenant, &ids).await?.is_empty() {
        let message = "Another plan holds an invoice of this one. Answer that one first.";
        return Err(Refusal::precondition("INVOICE_BLOCKED", message).into());
    }
    plan.block_for(Verb::Reinstate, actor(call, Side::Tenant), explanation, tx.now())?;
    move_plan::begin(app, call, tx, plan).await
}

/// The tenant offers another schedule.
///
/// # Errors
/// Those of [`Plan::offer_instead`], `RESOURCE_NOT_FOUND`.
pub async fn counter(app: &App, call: &Call, named: &PlanRef, offer: &Counter) -> Result<Answer<CounterPlanResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut plan = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let settings = settings::find(tx.conn(), &call.tenant).await?;
    let (zone, now) = (tx.time().zone, tx.now());
    plan.offer_instead(offer.schedule, actor(call, Side::Tenant), offer.explanation.clone(), (&settings, zone), now)?;
    let plan = Some(publish(&mut tx, &mut plan, News::default()).await?);
    tx.commit(CounterPlanResponse { plan }).await
}

/// The customer turns a counter-offer down.
///
/// # Errors
/// Those of [`Plan::decline_counter`], `RESOURCE_NOT_FOUND`.
pub async fn decline_counter(
    app: &App,
    call: &Call,
    named: &PlanRef,
    explanation: &str,
) -> Result<Answer<DeclineCounterOfferResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut plan = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let (zone, now) = (tx.time().zone, tx.now());
    plan.decline_counter(actor(call, Side::Customer), explanation, zone, now)?;
    let plan = Some(publish(&mut tx, &mut plan, News::default()).await?);
    tx.commit(DeclineCounterOfferResponse { plan }).await
}
