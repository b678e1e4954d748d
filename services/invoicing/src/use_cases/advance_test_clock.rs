//! Advances a test clock: a flow over all services, from due instant to due instant.
//!
//! The clock row holds target, instant and round, so any replica goes on where another stopped;
//! `RunDue` does what is left of a round when it is asked again.

use crate::{
    App, messages,
    store::{tenants, test_clocks},
};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    call::Caller,
    flow::{self, Lease},
    kill,
    render::timestamp,
    tenants as states,
};
use payterms_invoicing_domain::{ClockState, TestClock};
use payterms_kernel::{Refusal, TenantId};
use payterms_proto::{
    common::v1::{RunDueRequest, clock_service_client::ClockServiceClient},
    invoicing::v1::AdvanceTestClockResponse,
};
use std::time::Duration;

/// The kind of flow.
pub const FLOW: &str = "advance_test_clock";

/// How long the verb waits before it answers with the clock still on its way.
const PATIENCE: Duration = Duration::from_secs(20);

/// The order in which services run what is due at one instant.
const ORDER: [&str; 4] = ["wallet", "invoicing", "credit", "plans"];

/// Runs the verb.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `CLOCK_STATE`, `TIME_IN_PAST`, `TIME_OUT_OF_RANGE`.
pub async fn run(app: &App, call: &Call, target: DateTime<Utc>) -> Result<Answer<AdvanceTestClockResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    tenants::lock(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    let replayed = tx.seen().await?.is_some();
    if replayed {
        drop(tx);
    } else {
        let clock = test_clocks::lock(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
        set_out(app, tx, clock, target).await?;
    }
    match tokio::time::timeout(PATIENCE, app.flows.answer(call, replayed)).await {
        Ok(answer) => answer,
        Err(_) => Ok(Answer { message: still(app, &call.tenant).await?, replayed, versions: Vec::new() }),
    }
}

async fn still(app: &App, tenant: &TenantId) -> Result<AdvanceTestClockResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let clock = test_clocks::find(&conn, tenant).await?.ok_or_else(Refusal::not_found)?;
    Ok(AdvanceTestClockResponse { test_clock: Some(messages::test_clocks::test_clock(tenant, &clock)) })
}

/// Stores the intent and starts its driver.
pub(super) async fn set_out(app: &App, mut tx: WriteTx, mut clock: TestClock, target: DateTime<Utc>) -> Result<(), AppError> {
    let intent = tx.id::<TestClock>().uuid();
    clock.set_out(target, intent.to_string())?;
    let tenant = tx.call().tenant.clone();
    test_clocks::save(tx.conn(), &tenant, &clock).await?;
    states::set_clock(tx.conn(), &tenant, clock.now, &clock.seed, Some(&clock.run_id)).await?;
    let lease = app.flows.open(&tx, FLOW, intent).await?;
    tx.commit_intent(intent).await?;
    app.flows.spawn(lease);
    Ok(())
}

/// Drives the flow to its close.
///
/// # Errors
/// Those of a service that does not answer; the recovery goes on later.
pub async fn drive(app: &App, lease: &Lease) -> Result<(), AppError> {
    loop {
        let conn = app.db.read(&lease.tenant).await?;
        let clock = test_clocks::find(&conn, &lease.tenant).await?;
        drop(conn);
        let Some(mut clock) = clock.filter(|clock| clock.run_id == lease.intent.to_string()) else { return Ok(()) };
        let (moved, next_due, stuck_rows) = round(app, &lease.tenant, &clock, true).await?;
        kill::point("clock.after_round");
        let go_on = clock.after_round(moved, next_due, stuck_rows);
        if clock.state == ClockState::Ready {
            round(app, &lease.tenant, &clock, false).await?;
        }
        let call = Call::own("invoicing", &lease.tenant, FLOW, lease.intent, Some(clock.run_id.clone()));
        let tx = app.db.begin_apart(&call).await?;
        flow::hold(&tx, lease).await?;
        test_clocks::save(tx.conn(), &lease.tenant, &clock).await?;
        if go_on {
            states::set_clock(tx.conn(), &lease.tenant, clock.now, &clock.seed, Some(&clock.run_id)).await?;
            tx.commit_rows().await?;
            continue;
        }
        let run = (clock.state == ClockState::Stuck).then_some(clock.run_id.as_str());
        states::set_clock(tx.conn(), &lease.tenant, clock.now, &clock.seed, run).await?;
        let answer = AdvanceTestClockResponse { test_clock: Some(messages::test_clocks::test_clock(&lease.tenant, &clock)) };
        tx.answer_intent(lease.intent, &answer).await?;
        flow::close(&tx, lease).await?;
        return tx.commit_rows().await;
    }
}

/// One round over all services at the clock's instant: what moved, what is due next, what sticks.
async fn round(
    app: &App,
    tenant: &TenantId,
    clock: &TestClock,
    advancing: bool,
) -> Result<(i64, Option<DateTime<Utc>>, Vec<String>), AppError> {
    let (mut moved, mut next, mut stuck) = (0_i64, None, Vec::new());
    let caller = Caller::service("invoicing", tenant, Some(clock.run_id.clone()));
    for service in ORDER.into_iter().filter(|service| app.peers.names().any(|name| name == *service)) {
        let message = RunDueRequest {
            tenant: tenant.to_string(),
            now: Some(timestamp(clock.now)),
            run_id: clock.run_id.clone(),
            advancing,
            seed: clock.seed.clone().into(),
        };
        let request = app.peers.request(service, &caller, message, Duration::from_secs(25))?;
        let done = ClockServiceClient::new(app.peers.channel(service)?).run_due(request).await?.into_inner();
        moved = moved.saturating_add(i64::from(done.moved_count));
        let due = done.next_due.and_then(|due| DateTime::from_timestamp(due.seconds, u32::try_from(due.nanos).ok()?));
        next = next.into_iter().chain(due).min();
        stuck.extend(done.stuck_rows.into_iter().map(|row| format!("{service}: {row}")));
    }
    Ok((moved, next, stuck))
}
