//! Collects the due amount of a plan: a flow with one step, a payment in invoicing. A payment that takes days is
//! still under way when the flow closes; its event reports its result later.

use super::{
    save::{EventDetails, publish_plan},
    switch_blocks::enqueue_block_switch,
};
use crate::{
    app::App,
    messages::invoicing::{collection_ended, collection_refused},
    peers::invoicing::Invoicing,
    store::plans,
};
use payterms_chassis::{
    AppError, Call, WriteTx,
    flow::{self, Lease},
    kill, names, retry,
    steps::StepOutcome,
};
use payterms_kernel::{Id, id::step_id};
use payterms_plans_domain::{Invoice, Plan, collection::Ended, life::Figures};
use payterms_proto::invoicing::v1::Payment;
use uuid::Uuid;

/// The kind of the flow. The id of its intent is that of the attempt.
pub const FLOW: &str = "plan_collection";

/// Marks ids of attempts.
#[derive(Debug, Clone, Copy)]
pub enum Attempt {}

/// Drives the flow to its close.
///
/// # Errors
/// No answer from invoicing. The flow stays open, and the recovery resumes it.
pub async fn drive_plan_collection(app: &App, lease: &Lease) -> Result<(), AppError> {
    let conn = app.db.read(&lease.tenant).await?;
    let plan = match plans::of_attempt(&conn, &lease.tenant, lease.intent).await? {
        Some(id) => plans::find_many(&conn, &lease.tenant, &[id]).await?.pop(),
        None => None,
    };
    drop(conn);
    let mut ended = None;
    let mut figures = Vec::new();
    if let Some(plan) = plan.filter(|plan| plan.attempt.under_way) {
        let invoicing = Invoicing::new(app, &lease.tenant, plan.customer);
        ended = if plan.state.is_running() {
            let step = step_id(lease.intent, "collect");
            let collected = invoicing.collect_for_owner(step, lease.intent, &plan).await?;
            kill::point("plan_collection.after_collect");
            match collected {
                StepOutcome::Done(payment) => collection_ended(&payment, plan.currency),
                StepOutcome::Refused(status) => Some(collection_refused(&status)),
            }
        } else {
            // The plan ended first. A payment that was already begun continues in invoicing without the plan.
            Some(Ended::Dropped)
        };
        if matches!(ended, Some(Ended::Paid(_))) {
            // The result and the paid amounts are recorded in one transaction. Evaluated between them, the plan would
            // have no attempt under way and look unpaid.
            figures = invoicing.figures(&plan).await?;
        }
    }
    retry(|| record_plan_collection(app, lease, ended.as_ref(), &figures)).await
}

/// Records the result of the attempt, and closes the flow.
async fn record_plan_collection(
    app: &App,
    lease: &Lease,
    ended: Option<&Ended>,
    figures: &[(Id<Invoice>, Figures)],
) -> Result<(), AppError> {
    let call = Call::internal("plans", &lease.tenant, "plan_collected", lease.intent, None);
    let mut tx = app.db.begin_apart(&call).await?;
    let plan_id = plans::of_attempt(tx.conn(), &lease.tenant, lease.intent).await?;
    let plan = match plan_id {
        Some(id) => plans::lock(tx.conn(), &lease.tenant, id).await?,
        None => None,
    };
    flow::hold(&tx, lease).await?;
    if let (Some(mut plan), Some(ended)) = (plan, ended) {
        end_attempt(&mut tx, &mut plan, lease.intent, ended, figures).await?;
    }
    flow::close(&tx, lease).await?;
    kill::point("plan_collection.before_record");
    tx.commit_rows().await
}

/// Handles the event of a payment: if the payment belongs to an attempt, its result is recorded.
pub async fn follow_payment(tx: &mut WriteTx, payment: &Payment) -> Result<(), AppError> {
    let Some(attempt) = names::uuid(&payment.reference).filter(|_| !payment.owner.is_empty()) else { return Ok(()) };
    let tenant = tx.call().tenant.clone();
    let Some(id) = plans::of_attempt(tx.conn(), &tenant, attempt).await? else { return Ok(()) };
    let Some(mut plan) = plans::lock(tx.conn(), &tenant, id).await? else { return Ok(()) };
    match collection_ended(payment, plan.currency) {
        Some(ended) => end_attempt(tx, &mut plan, attempt, &ended, &[]).await,
        None => Ok(()),
    }
}

/// Records the result of an attempt together with the present amounts of the invoices, and evaluates the plan.
async fn end_attempt(
    tx: &mut WriteTx,
    plan: &mut Plan,
    attempt: Uuid,
    ended: &Ended,
    figures: &[(Id<Invoice>, Figures)],
) -> Result<(), AppError> {
    let previous_version = plan.version;
    let had_pending_transition = plan.pending_transition.is_some();
    let zone = tx.time().zone;
    let now = tx.now();
    for (invoice, current) in figures {
        plan.follow(*invoice, current, now)?;
    }
    let collection_failed = plan.attempt_ended(attempt, ended, now)?;
    // Only changes of state are applied here. Announcements and attempts are left to the job, which is scheduled when
    // the plan is saved.
    plan.evaluate(zone, now)?;
    if !had_pending_transition && plan.pending_transition.is_some() {
        enqueue_block_switch(tx, plan.id.uuid()).await?;
    }
    if plan.version != previous_version {
        publish_plan(tx, plan, EventDetails { collection_failed, ..EventDetails::default() }).await?;
    }
    Ok(())
}
