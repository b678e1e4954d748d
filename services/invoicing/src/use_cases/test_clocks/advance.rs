//! Advances a test clock: a flow over all services, from due instant to due instant.
//!
//! The clock row holds target, instant and round, so any replica goes on where another stopped;
//! `RunDue` does what is left of a round when it is asked again.

use crate::{
    app::App,
    messages,
    peers::clocks::{Phase, run_due},
    store::{tenants, test_clocks},
};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    flow::{self, Lease},
    kill, tenants as states,
};
use payterms_invoicing_domain::{ClockState, TestClock};
use payterms_kernel::{Refusal, TenantId};
use payterms_proto::invoicing::v1::AdvanceTestClockResponse;
use std::time::Duration;

/// The kind of flow.
pub const FLOW: &str = "advance_test_clock";

/// How long the verb waits before it answers with the clock still on its way.
const PATIENCE: Duration = Duration::from_secs(20);

/// Advances a tenant's test clock.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `CLOCK_STATE`, `TIME_IN_PAST`, `TIME_OUT_OF_RANGE`.
pub async fn advance_test_clock(
    app: &App,
    call: &Call,
    target: DateTime<Utc>,
) -> Result<Answer<AdvanceTestClockResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    tenants::lock(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    let replayed = tx.seen().await?.is_some();
    if replayed {
        drop(tx);
    } else {
        let clock =
            test_clocks::lock(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
        begin_advance(app, tx, clock, target).await?;
    }
    match tokio::time::timeout(PATIENCE, app.flows.answer(call, replayed)).await {
        Ok(answer) => answer,
        Err(_) => Ok(Answer {
            message: present_clock(app, &call.tenant).await?,
            replayed,
            versions: Vec::new(),
        }),
    }
}

async fn present_clock(app: &App, tenant: &TenantId) -> Result<AdvanceTestClockResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let clock = test_clocks::find(&conn, tenant).await?.ok_or_else(Refusal::not_found)?;
    Ok(AdvanceTestClockResponse {
        test_clock: Some(messages::test_clocks::test_clock(tenant, &clock)),
    })
}

/// Stores the intent and starts its driver.
pub async fn begin_advance(
    app: &App,
    mut tx: WriteTx,
    mut clock: TestClock,
    target: DateTime<Utc>,
) -> Result<(), AppError> {
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
pub async fn drive_test_clock(app: &App, lease: &Lease) -> Result<(), AppError> {
    // A driver that takes the flow over tells the time once more, which changes nothing.
    let mut shown = None;
    loop {
        let conn = app.db.read(&lease.tenant).await?;
        let clock = test_clocks::find(&conn, &lease.tenant).await?;
        drop(conn);
        let Some(mut clock) = clock.filter(|clock| clock.run_id == lease.intent.to_string()) else {
            return Ok(());
        };
        if shown != Some(clock.now) {
            run_due(app, &lease.tenant, &clock, Phase::TellTime).await?;
            shown = Some(clock.now);
        }
        kill::point("clock.after_told");
        let round = run_due(app, &lease.tenant, &clock, Phase::RunDue).await?;
        kill::point("clock.after_round");
        let unfinished = clock.after_round(round.moved_count, round.next_due, round.stuck_rows);
        if clock.state == ClockState::Ready {
            run_due(app, &lease.tenant, &clock, Phase::Finish).await?;
        }
        let call = Call::internal(
            "invoicing",
            &lease.tenant,
            FLOW,
            lease.intent,
            Some(clock.run_id.clone()),
        );
        let tx = app.db.begin_apart(&call).await?;
        flow::hold(&tx, lease).await?;
        test_clocks::save(tx.conn(), &lease.tenant, &clock).await?;
        if unfinished {
            states::set_clock(
                tx.conn(),
                &lease.tenant,
                clock.now,
                &clock.seed,
                Some(&clock.run_id),
            )
            .await?;
            tx.commit_rows().await?;
            continue;
        }
        let run = (clock.state == ClockState::Stuck).then_some(clock.run_id.as_str());
        states::set_clock(tx.conn(), &lease.tenant, clock.now, &clock.seed, run).await?;
        let answer = AdvanceTestClockResponse {
            test_clock: Some(messages::test_clocks::test_clock(&lease.tenant, &clock)),
        };
        tx.answer_intent(lease.intent, &answer).await?;
        flow::close(&tx, lease).await?;
        return tx.commit_rows().await;
    }
}
