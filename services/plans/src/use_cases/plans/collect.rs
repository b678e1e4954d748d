//! Collects what is due of a plan: a flow with one step, a payment of invoicing's. How a payment that takes its
//! time ends, its event says.

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
};
use payterms_kernel::{Id, id::step_id};
use payterms_plans_domain::{Invoice, Plan, collection::Ended, life::Figures};
use payterms_proto::invoicing::v1::Payment;
use uuid::Uuid;

/// The kind of flow; its intent is the try.
pub const FLOW: &str = "plan_collection";

/// Marks ids of tries.
#[derive(Debug, Clone, Copy)]
pub enum Attempt {}

/// Drives the flow to its close.
///
/// # Errors
/// No answer of invoicing; the recovery resumes.
pub async fn drive_plan_collection(app: &App, lease: &Lease) -> Result<(), AppError> {
    let conn = app.db.read(&lease.tenant).await?;
    let found = match plans::of_attempt(&conn, &lease.tenant, lease.intent).await? {
        Some(id) => plans::find_many(&conn, &lease.tenant, &[id]).await?.pop(),
        None => None,
    };
    drop(conn);
    let (mut ended, mut figures) = (None, Vec::new());
    if let Some(plan) = found.filter(|plan| plan.attempt.under_way) {
        let invoicing = Invoicing::new(app, &lease.tenant, plan.customer);
        ended = if plan.state.is_running() {
            let steps = (step_id(lease.intent, "collect"), lease.intent);
            let collected = invoicing.collect_for_owner(steps, &plan).await?;
            kill::point("plan_collection.after_collect");
            match collected {
                Ok(payment) => collection_ended(&payment, plan.currency),
                Err(status) => Some(collection_refused(&status)),
            }
        } else {
            // What was asked for before the plan ended goes on without it.
            Some(Ended::Dropped)
        };
        if matches!(ended, Some(Ended::Paid(_))) {
            // The end of a try and what it paid are taken in together: a plan is not evaluated between them.
            figures = invoicing.figures(&plan).await?;
        }
    }
    retry(|| record_plan_collection(app, lease, ended.as_ref(), &figures)).await
}

/// Closes the flow with how the try ended.
async fn record_plan_collection(
    app: &App,
    lease: &Lease,
    ended: Option<&Ended>,
    figures: &[(Id<Invoice>, Figures)],
) -> Result<(), AppError> {
    let call = Call::internal("plans", &lease.tenant, "plan_collected", lease.intent, None);
    let mut tx = app.db.begin_apart(&call).await?;
    let found = plans::of_attempt(tx.conn(), &lease.tenant, lease.intent).await?;
    let plan = match found {
        Some(id) => plans::lock(tx.conn(), &lease.tenant, id).await?,
        None => None,
    };
    flow::hold(&tx, lease).await?;
    if let (Some(mut plan), Some(ended)) = (plan, ended) {
        end_attempt(&mut tx, &mut plan, (lease.intent, ended), figures).await?;
    }
    flow::close(&tx, lease).await?;
    kill::point("plan_collection.before_record");
    tx.commit_rows().await
}

/// The event of a payment: ends the try that it is of, if it is of one.
pub async fn follow_payment(tx: &mut WriteTx, payment: &Payment) -> Result<(), AppError> {
    let Some(attempt) = names::uuid(&payment.reference).filter(|_| !payment.owner.is_empty()) else { return Ok(()) };
    let tenant = tx.call().tenant.clone();
    let Some(id) = plans::of_attempt(tx.conn(), &tenant, attempt).await? else { return Ok(()) };
    let Some(mut plan) = plans::lock(tx.conn(), &tenant, id).await? else { return Ok(()) };
    match collection_ended(payment, plan.currency) {
        Some(ended) => end_attempt(tx, &mut plan, (attempt, &ended), &[]).await,
        None => Ok(()),
    }
}

/// A try to collect has ended: what follows for the plan is taken in with what is now open of its invoices.
async fn end_attempt(
    tx: &mut WriteTx,
    plan: &mut Plan,
    (attempt, ended): (Uuid, &Ended),
    figures: &[(Id<Invoice>, Figures)],
) -> Result<(), AppError> {
    let (before, rested, zone, now) = (plan.version, plan.pending_transition.is_none(), tx.time().zone, tx.now());
    for (invoice, current) in figures {
        plan.follow(*invoice, *current, now)?;
    }
    let collection_failed = plan.attempt_ended(attempt, ended, now)?;
    // Announcements and tries are for the job, which is due for them.
    plan.evaluate(zone, now)?;
    if rested && plan.pending_transition.is_some() {
        enqueue_block_switch(tx, plan.id.uuid()).await?;
    }
    if plan.version != before {
        publish_plan(tx, plan, EventDetails { collection_failed, announced: None }).await?;
    }
    Ok(())
}
