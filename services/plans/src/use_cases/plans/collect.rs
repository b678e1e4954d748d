//! Collects the due amount of a plan: a flow with one step, a payment in invoicing. A payment that
//! takes days is still under way when the flow closes; its event reports its result later.
//!
//! Events of the payment and its invoices come before invoicing's answer or after it. While the
//! flow is open it alone records the result, together with the amounts of the invoices, so the same
//! event of the plan follows in either case: an event of an invoice saves its amounts and leaves
//! the rest to the flow.

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
    // A driver that died may have left behind what an event had saved.
    let mut has_news = lease.taken_over;
    loop {
        let collected = ask_for_result(app, lease).await?;
        if retry(|| record_plan_collection(app, lease, &collected, has_news)).await? {
            return Ok(());
        }
        has_news = true;
    }
}

/// What invoicing says of an attempt.
#[derive(Debug, Default)]
struct Collected {
    /// How it ended; `None` while it is under way.
    ended: Option<Ended>,
    /// The amounts of the plan's invoices after it, where something was paid.
    figures: Vec<(Id<Invoice>, Figures)>,
}

/// Has invoicing collect, and asks how that ended.
async fn ask_for_result(app: &App, lease: &Lease) -> Result<Collected, AppError> {
    let conn = app.db.read(&lease.tenant).await?;
    let plan = match plans::of_attempt(&conn, &lease.tenant, lease.intent).await? {
        Some(id) => plans::find_many(&conn, &lease.tenant, &[id]).await?.pop(),
        None => None,
    };
    drop(conn);
    let Some(plan) = plan.filter(|plan| plan.attempt.under_way) else {
        return Ok(Collected::default());
    };
    if !plan.state.is_running() {
        // The plan ended first. A payment that was already begun continues in invoicing without the
        // plan.
        return Ok(Collected { ended: Some(Ended::Dropped), figures: Vec::new() });
    }
    let invoicing = Invoicing::new(app, &lease.tenant, plan.customer);
    let step = step_id(lease.intent, "collect");
    let collected = invoicing.collect_for_owner(step, lease.intent, &plan).await?;
    kill::point("plan_collection.after_collect");
    let ended = match collected {
        StepOutcome::Refused(status) => Some(collection_refused(&status)),
        StepOutcome::Done(payment) => match collection_ended(&payment, plan.currency) {
            // The step is answered once. Whether the payment has ended since then is asked.
            None => collection_ended(&invoicing.payment(&payment.name).await?, plan.currency),
            ended => ended,
        },
    };
    // The result and the paid amounts are recorded in one transaction. Evaluated between them, the
    // plan would have no attempt under way and look unpaid.
    let figures = if matches!(ended, Some(Ended::Paid(_))) {
        invoicing.figures(&plan).await?
    } else {
        Vec::new()
    };
    Ok(Collected { ended, figures })
}

/// Records the result of the attempt and what events have saved meanwhile, and closes the flow.
/// Answers whether it did: a payment that was under way when it was asked, and of which an event
/// has come since, is asked again first.
async fn record_plan_collection(
    app: &App,
    lease: &Lease,
    collected: &Collected,
    has_news: bool,
) -> Result<bool, AppError> {
    let call = Call::internal("plans", &lease.tenant, "plan_collected", lease.intent, None);
    let mut tx = app.db.begin_apart(&call).await?;
    let plan_id = plans::of_attempt(tx.conn(), &lease.tenant, lease.intent).await?;
    let plan = match plan_id {
        Some(id) => plans::lock(tx.conn(), &lease.tenant, id).await?,
        None => None,
    };
    flow::hold(&tx, lease).await?;
    let woken = app.flows.take_wake(&tx, lease).await?;
    if let Some(mut plan) = plan {
        if woken && collected.ended.is_none() && plan.attempt.under_way {
            tx.commit_rows().await?;
            return Ok(false);
        }
        record_result(&mut tx, &mut plan, lease.intent, collected, has_news || woken).await?;
    }
    flow::close(&tx, lease).await?;
    kill::point("plan_collection.before_record");
    tx.commit_rows().await?;
    Ok(true)
}

/// Handles the event of a payment: if the payment belongs to an attempt that has no result yet, the
/// result is recorded, by the flow if it is still open.
pub async fn follow_payment(tx: &mut WriteTx, payment: &Payment) -> Result<(), AppError> {
    let Some(attempt) = names::uuid(&payment.reference).filter(|_| !payment.owner.is_empty())
    else {
        return Ok(());
    };
    let tenant = tx.call().tenant.clone();
    let Some(id) = plans::of_attempt(tx.conn(), &tenant, attempt).await? else { return Ok(()) };
    let Some(mut plan) = plans::lock(tx.conn(), &tenant, id).await? else { return Ok(()) };
    let ended = collection_ended(payment, plan.currency);
    if ended.is_none() || wake_open_flow(tx, &plan).await? {
        return Ok(());
    }
    record_result(tx, &mut plan, attempt, &Collected { ended, figures: Vec::new() }, false).await
}

/// Whether the flow of a plan's attempt is open. If so, it is told, and it evaluates and publishes
/// what the caller saves.
pub(super) async fn wake_open_flow(tx: &WriteTx, plan: &Plan) -> Result<bool, AppError> {
    match plan.attempt.id.filter(|_| plan.attempt.under_way) {
        Some(attempt) => flow::wake_if_open(tx, FLOW, attempt).await,
        None => Ok(false),
    }
}

/// Records the result of an attempt together with the present amounts of the invoices, and
/// evaluates the plan.
async fn record_result(
    tx: &mut WriteTx,
    plan: &mut Plan,
    attempt: Uuid,
    collected: &Collected,
    has_news: bool,
) -> Result<(), AppError> {
    let previous_version = plan.version;
    let had_pending_transition = plan.pending_transition.is_some();
    let zone = tx.time().zone;
    let now = tx.now();
    for (invoice, current) in &collected.figures {
        plan.follow(*invoice, current, now)?;
    }
    let collection_failed = match &collected.ended {
        Some(ended) => plan.attempt_ended(attempt, ended, now)?,
        None => false,
    };
    if plan.version == previous_version && !has_news {
        return Ok(());
    }
    // Only changes of state are applied here. Announcements and attempts are left to the job, which
    // is scheduled when the plan is saved.
    plan.evaluate(zone, now)?;
    if !had_pending_transition && plan.pending_transition.is_some() {
        enqueue_block_switch(tx, plan.id.uuid()).await?;
    }
    publish_plan(tx, plan, EventDetails { collection_failed, ..EventDetails::default() }).await?;
    Ok(())
}
