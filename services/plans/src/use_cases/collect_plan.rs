//! Collects what is due of a plan: a flow with one step, a payment of invoicing's. How a payment that takes its
//! time ends, its event tells.

use super::{News, locked, move_plan, publish};
use crate::{App, invoicing::Invoicing, parse::PlanRef, store::plans};
use chrono::DateTime;
use payterms_chassis::{
    Answer, AppError, Call, WriteTx, answer,
    flow::{self, Lease},
    kill, names,
    render::money_of,
};
use payterms_kernel::{Id, Money, calendar::day_in, id::step_id};
use payterms_plans_domain::{Invoice, Plan, collection::Ended, life::Figures};
use payterms_proto::{
    invoicing::v1::{Payment, payment::State},
    plans::v1::RetryPlanCollectionResponse,
};
use tonic::Status;
use tonic_types::StatusExt;
use uuid::Uuid;

/// The kind of flow; its intent is the try.
pub const FLOW: &str = "plan_collection";

/// Marks ids of tries.
#[derive(Debug, Clone, Copy)]
pub enum Attempt {}

/// Tries now, by hand.
///
/// # Errors
/// Those of [`Plan::retry_attempt`], `RESOURCE_NOT_FOUND`.
pub async fn retry(app: &App, call: &Call, named: &PlanRef) -> Result<Answer<RetryPlanCollectionResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut plan = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let (now, attempt) = (tx.now(), tx.id::<Attempt>().uuid());
    plan.retry_attempt(attempt, day_in(tx.time().zone, now), now)?;
    let lease = app.flows.open(&tx, FLOW, attempt).await?;
    let rendered = publish(&mut tx, &mut plan, News::default()).await?;
    let answer = tx.commit(RetryPlanCollectionResponse { plan: Some(rendered) }).await?;
    app.flows.spawn(lease);
    Ok(answer)
}

/// Drives the flow to its close.
///
/// # Errors
/// Those of invoicing when it does not answer; the recovery goes on.
pub async fn drive(app: &App, lease: &Lease) -> Result<(), AppError> {
    let conn = app.db.read(&lease.tenant).await?;
    let found = match plans::of_attempt(&conn, &lease.tenant, lease.intent).await? {
        Some(id) => plans::find_many(&conn, &lease.tenant, &[id]).await?.pop(),
        None => None,
    };
    drop(conn);
    let (mut ended, mut known) = (None, Vec::new());
    if let Some(plan) = found.filter(|plan| plan.attempt.under_way) {
        let invoicing = Invoicing::new(app, &lease.tenant, plan.customer);
        ended = if plan.state.is_running() {
            let steps = (step_id(lease.intent, "collect"), lease.intent);
            let collected = invoicing.collect(steps, &plan).await?;
            kill::point("plan_collection.after_collect");
            match collected {
                Ok(payment) => outcome(&payment, plan.currency),
                Err(status) => Some(refusal(&status)),
            }
        } else {
            // What was asked for before the plan ended goes on without it.
            Some(Ended::Dropped)
        };
        if matches!(ended, Some(Ended::Paid(_))) {
            // The end of a try and what it paid are taken in together: a plan is not judged between them.
            known = invoicing.figures(&plan).await?;
        }
    }
    answer::retry(|| record(app, lease, ended.as_ref(), &known)).await
}

async fn record(app: &App, lease: &Lease, ended: Option<&Ended>, known: &[(Id<Invoice>, Figures)]) -> Result<(), AppError> {
    let call = Call::own("plans", &lease.tenant, "plan_collected", lease.intent, None);
    let mut tx = app.db.begin_apart(&call).await?;
    let found = plans::of_attempt(tx.conn(), &lease.tenant, lease.intent).await?;
    let plan = match found {
        Some(id) => plans::lock(tx.conn(), &lease.tenant, id).await?,
        None => None,
    };
    flow::hold(&tx, lease).await?;
    if let (Some(mut plan), Some(ended)) = (plan, ended) {
        take_in(&mut tx, &mut plan, (lease.intent, ended), known).await?;
    }
    flow::close(&tx, lease).await?;
    kill::point("plan_collection.before_record");
    tx.commit_rows().await
}

/// The event of a payment that collects for a plan.
///
/// # Errors
/// The database's.
pub async fn payment_changed(tx: &mut WriteTx, payment: &Payment) -> Result<(), AppError> {
    let Some(attempt) = names::uuid(&payment.reference).filter(|_| !payment.owner.is_empty()) else { return Ok(()) };
    let tenant = tx.call().tenant.clone();
    let Some(id) = plans::of_attempt(tx.conn(), &tenant, attempt).await? else { return Ok(()) };
    let Some(mut plan) = plans::lock(tx.conn(), &tenant, id).await? else { return Ok(()) };
    match outcome(payment, plan.currency) {
        Some(ended) => take_in(tx, &mut plan, (attempt, &ended), &[]).await,
        None => Ok(()),
    }
}

async fn take_in(
    tx: &mut WriteTx,
    plan: &mut Plan,
    (attempt, ended): (Uuid, &Ended),
    known: &[(Id<Invoice>, Figures)],
) -> Result<(), AppError> {
    let (before, rested, zone, now) = (plan.version, plan.moving.is_none(), tx.time().zone, tx.now());
    for (invoice, figures) in known {
        plan.follow(*invoice, *figures, now)?;
    }
    let collection_failed = plan.attempt_ended(attempt, ended, now)?;
    // Announcements and tries are for the job, which is due for them.
    plan.judge(zone, now)?;
    if rested && plan.moving.is_some() {
        move_plan::leave(tx, plan.id.uuid()).await?;
    }
    if plan.version != before {
        publish(tx, plan, News { collection_failed, announced: None }).await?;
    }
    Ok(())
}

/// How a payment ended; none while it takes its time.
fn outcome(payment: &Payment, currency: payterms_kernel::Currency) -> Option<Ended> {
    match payment.state() {
        State::Processing | State::Unspecified => None,
        State::Succeeded | State::Partial => {
            let paid = payment.allocations.iter().filter_map(|own| own.paid.as_ref().and_then(money_of));
            let sum = paid.fold(0_i64, |sum, own| sum.saturating_add(own.micros()));
            Some(Ended::Paid(Money::from_micros(currency, sum)))
        }
        State::Failed | State::Cancelled => {
            let reason = payment.tenders.iter().map(|own| own.decline_code.clone()).find(|code| !code.is_empty());
            Some(Ended::Failed(reason.unwrap_or_default()))
        }
    }
}

/// A refusal of invoicing's: the customer must be told first, or a reason.
fn refusal(status: &Status) -> Ended {
    let details = status.get_error_details();
    let Some(info) = details.error_info() else { return Ended::Failed(String::new()) };
    let from = info.metadata.get("from").and_then(|seconds| seconds.parse().ok()).and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    match from.filter(|_| info.reason == "DEBIT_NOTICE_REQUIRED") {
        Some(from) => Ended::From(from),
        None => Ended::Failed(info.reason.clone()),
    }
}
