//! The flow that sets and lifts a plan's blocks. Blocks are set before the plan changes its state,
//! and lifted after its end is stored, so a plan never runs with unblocked invoices. The pending
//! change is stored in the plan's row, so that any process can resume the flow.

use super::save::{EventDetails, publish_plan};
use crate::{
    app::App,
    peers::invoicing::{Breach, Invoicing},
    store::{plan_history, plan_settings, plans},
};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    flow::{self, Lease},
    kill, retry,
    steps::StepOutcome,
};
use payterms_kernel::{Id, id::step_id};
use payterms_plans_domain::{
    Actor, Invoice, Plan, PlanState, Side, Verb,
    life::{BAND, Figures},
    plan::PendingTransition,
};
use payterms_proto::{invoicing::v1::block::Reason, plans::v1::ProposePlanResponse};
use prost::Message;
use tonic::Status;
use uuid::Uuid;

/// The kind of the flow. The id of its intent is that of the plan.
pub const FLOW: &str = "plan";

/// Stores the pending change of the blocks, starts the flow, and answers when it closes.
///
/// # Errors
/// Invoicing's refusal, if the flow ended with one.
pub(super) async fn begin_block_switch<A: Message + Default>(
    app: &App,
    call: &Call,
    mut tx: WriteTx,
    mut plan: Plan,
) -> Result<Answer<A>, AppError> {
    publish_plan(&mut tx, &mut plan, EventDetails::default()).await?;
    let lease = app.flows.open(&tx, FLOW, plan.id.uuid()).await?;
    tx.commit_intent(plan.id.uuid()).await?;
    kill::point("plan.after_answer");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// Drives the flow to its close.
///
/// # Errors
/// No answer of invoicing; the recovery resumes.
pub async fn drive_block_switch(app: &App, lease: &Lease) -> Result<(), AppError> {
    loop {
        let conn = app.db.read(&lease.tenant).await?;
        let stored =
            plans::find_many(&conn, &lease.tenant, &[Id::from_uuid(lease.intent)]).await?.pop();
        drop(conn);
        let Some(plan) = stored else { return Ok(()) };
        let invoicing = Invoicing::new(app, &lease.tenant, plan.customer);
        let step = |what: &str| step_id(lease.intent, &format!("{what}/{}", plan.moves));
        let done = match &plan.pending_transition {
            None => retry(|| record_no_blocks(app, lease, &plan, &[])).await?,
            Some(PendingTransition::Block { verb, .. }) => {
                let reason = if *verb == Verb::Send {
                    Reason::PaymentPlanProposed
                } else {
                    Reason::PaymentPlanActive
                };
                let blocked = invoicing.block_for_owner(step("block"), &plan, reason).await?;
                kill::point("plan.after_block");
                match &blocked {
                    StepOutcome::Done(figures) => {
                        retry(|| record_blocks(app, lease, &plan, figures)).await?
                    }
                    StepOutcome::Refused(status) => {
                        retry(|| record_refusal(app, lease, &plan, status)).await?
                    }
                }
            }
            Some(PendingTransition::Lift) => {
                let breach = plan
                    .breached_on
                    .filter(|_| plan.state == PlanState::Breached)
                    .map(|on| Breach { on, due_at_once: plan.accelerates });
                invoicing.unblock_for_owner(step("unblock"), &plan, breach).await?;
                kill::point("plan.after_unblock");
                // A breach may bring due dates forward. The plan has them in the same event,
                // whether invoicing's has come by now or not.
                let figures =
                    if breach.is_some() { invoicing.figures(&plan).await? } else { Vec::new() };
                retry(|| record_no_blocks(app, lease, &plan, &figures)).await?
            }
        };
        if done {
            return Ok(());
        }
    }
}

/// The internal call under which the driver writes. Its request id contains the change and the
/// state, so that a repetition of the same step is recognised.
fn driver_call(lease: &Lease, plan: &Plan) -> Call {
    Call::internal(
        "plans",
        &lease.tenant,
        &format!("plan_moved/{}/{}", plan.moves, plan.state.name()),
        lease.intent,
        None,
    )
}

/// Locks the plan, and then the flow with `flow::hold`: a driver whose lease has expired stops
/// there, before it writes.
async fn lock_driven_plan(tx: &WriteTx, lease: &Lease) -> Result<Plan, AppError> {
    let locked = plans::lock(tx.conn(), &lease.tenant, Id::from_uuid(lease.intent)).await?;
    flow::hold(tx, lease).await?;
    locked.ok_or_else(|| AppError::Fault(format!("no plan {}", lease.intent)))
}

/// Records that the blocks are lifted, or that there was nothing to do. Then the plan is evaluated,
/// because it was not evaluated while the change was pending. Answers whether the flow closed.
async fn record_no_blocks(
    app: &App,
    lease: &Lease,
    driven: &Plan,
    figures: &[(Id<Invoice>, Figures)],
) -> Result<bool, AppError> {
    let mut tx = app.db.begin_apart(&driver_call(lease, driven)).await?;
    let mut plan = lock_driven_plan(&tx, lease).await?;
    let (zone, now) = (tx.time().zone, tx.now());
    for (invoice, current) in figures {
        plan.follow(*invoice, current, now)?;
    }
    if plan.moves == driven.moves {
        plan.lifted(now);
    }
    plan.evaluate(zone, now)?;
    publish_and_close(&mut tx, lease, &mut plan).await?;
    commit_switch(tx, &plan).await
}

/// Records that the blocks are set: the pending verb is applied and the plan evaluated. A new
/// proposal may be answered automatically by the tenant's bands. Answers whether the flow closed.
async fn record_blocks(
    app: &App,
    lease: &Lease,
    driven: &Plan,
    figures: &[(Id<Invoice>, Figures)],
) -> Result<bool, AppError> {
    let mut tx = app.db.begin_apart(&driver_call(lease, driven)).await?;
    let mut plan = lock_driven_plan(&tx, lease).await?;
    let (zone, now) = (tx.time().zone, tx.now());
    plan.blocked(figures, zone, now)?;
    // Only changes of state are applied here. Announcements and attempts are left to the job.
    plan.evaluate(zone, now)?;
    if plan.state == PlanState::Proposed
        && driven.state == PlanState::Pending
        && plan.pending_transition.is_none()
    {
        answer_by_bands(&tx, &mut plan).await?;
    }
    publish_and_close(&mut tx, lease, &mut plan).await?;
    commit_switch(tx, &plan).await
}

/// Commits, and answers whether the flow closed.
async fn commit_switch(tx: WriteTx, plan: &Plan) -> Result<bool, AppError> {
    kill::point("plan.before_record");
    tx.commit_rows().await?;
    kill::point("plan.after_record");
    Ok(plan.pending_transition.is_none())
}

/// Approves or refuses a proposal automatically, or leaves it to a person, as the tenant's bands
/// say.
async fn answer_by_bands(tx: &WriteTx, plan: &mut Plan) -> Result<(), AppError> {
    let tenant = &tx.call().tenant;
    let now = tx.now();
    let settings = plan_settings::find(tx.conn(), tenant).await?;
    let breached = plan_history::last_breach(tx.conn(), tenant, plan.customer).await?;
    let ago = breached.map(|at| (now - at).num_days());
    let count = plan.offer.instalments.len();
    let last = plan.offer.instalments.last().map(|instalment| instalment.due_on);
    let days = last.map_or(0, |last| (last - tx.today()).num_days());
    let open = plan.open()?;
    match settings.bands(open, u32::try_from(count).unwrap_or(u32::MAX), days, ago) {
        Some(true) => plan.accept(Verb::Approve, Actor::suite(), open, now)?,
        Some(false) => plan.end(Verb::Refuse, Actor::suite(), BAND, now)?,
        None => {}
    }
    Ok(())
}

async fn publish_and_close(
    tx: &mut WriteTx,
    lease: &Lease,
    plan: &mut Plan,
) -> Result<(), AppError> {
    let rendered = publish_plan(tx, plan, EventDetails::default()).await?;
    if plan.pending_transition.is_none() {
        // The responses of all methods that begin this flow have the plan as field 1, so one
        // encoding serves them all.
        tx.answer_intent(lease.intent, &ProposePlanResponse { plan: Some(rendered) }).await?;
        flow::close(tx, lease).await?;
    }
    Ok(())
}

/// Records that invoicing refused the blocks; none of them is set. A pending plan is deleted and
/// its proposer gets the refusal. Any other plan keeps its state. If a band had approved the
/// proposal, the proposer gets the plan as it was proposed, because the proposal itself succeeded.
async fn record_refusal(
    app: &App,
    lease: &Lease,
    driven: &Plan,
    status: &Status,
) -> Result<bool, AppError> {
    let mut tx = app.db.begin_apart(&driver_call(lease, driven)).await?;
    let mut plan = lock_driven_plan(&tx, lease).await?;
    if plan.state == PlanState::Pending {
        plans::delete(tx.conn(), &lease.tenant, plan.id).await?;
        tx.refuse_intent(lease.intent, status).await?;
        flow::close(&tx, lease).await?;
        kill::point("plan.before_refusal");
        tx.commit_rows().await?;
        return Ok(true);
    }
    let by_suite = matches!(&plan.pending_transition, Some(PendingTransition::Block { by, .. }) if by.side == Side::Suite);
    let (zone, now) = (tx.time().zone, tx.now());
    plan.not_blocked(now);
    plan.evaluate(zone, now)?;
    if !by_suite {
        tx.refuse_intent(lease.intent, status).await?;
    }
    publish_and_close(&mut tx, lease, &mut plan).await?;
    commit_switch(tx, &plan).await
}

/// Lets the recovery drive the flow, because no caller waits for its result.
pub(super) async fn enqueue_block_switch(tx: &WriteTx, plan: Uuid) -> Result<(), AppError> {
    flow::enqueue(tx, FLOW, plan).await
}
