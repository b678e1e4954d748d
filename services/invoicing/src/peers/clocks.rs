//! The clocks of all services, as a test clock turns them.

use crate::app::App;
use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, call::Caller, render::timestamp};
use payterms_invoicing_domain::TestClock;
use payterms_kernel::TenantId;
use payterms_proto::common::peers::v1::{RunDueRequest, clock_service_client::ClockServiceClient};
use std::time::Duration;

/// The order in which services run what is due at one instant.
const ORDER: [&str; 4] = ["wallet", "invoicing", "credit", "plans"];

/// How long one service may take over what is due.
const BUDGET: Duration = Duration::from_secs(25);

/// What all services have done at one instant.
#[derive(Debug, Default)]
pub struct Round {
    /// How many rows were run.
    pub moved_count: i64,
    /// When the next row is due.
    pub next_due: Option<DateTime<Utc>>,
    /// What could not be run, each with its service.
    pub stuck_rows: Vec<String>,
}

/// What services are asked to do at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Show the time, and run nothing yet. What one service does at an instant reaches the others
    /// by events, and they find the same instant.
    TellTime,
    /// Run what is due.
    RunDue,
    /// Let the clock stand again.
    Finish,
}

/// Asks for a phase at the clock's instant, in one service after the other.
///
/// # Errors
/// Those of a service that does not answer.
pub async fn run_due(
    app: &App,
    tenant: &TenantId,
    clock: &TestClock,
    phase: Phase,
) -> Result<Round, AppError> {
    let mut round = Round::default();
    let caller = Caller::service("invoicing", tenant, Some(clock.run_id.clone()));
    for service in
        ORDER.into_iter().filter(|service| app.peers.names().any(|name| name == *service))
    {
        let message = RunDueRequest {
            tenant: tenant.to_string(),
            now: Some(timestamp(clock.now)),
            run_id: clock.run_id.clone(),
            advancing: phase != Phase::Finish,
            seed: clock.seed.clone().into(),
            tells_time: phase == Phase::TellTime,
        };
        let request = app.peers.request(service, &caller, message, BUDGET)?;
        let done = ClockServiceClient::new(app.peers.channel(service)?)
            .run_due(request)
            .await?
            .into_inner();
        round.moved_count = round.moved_count.saturating_add(i64::from(done.moved_count));
        let due = done
            .next_due
            .and_then(|due| DateTime::from_timestamp(due.seconds, u32::try_from(due.nanos).ok()?));
        round.next_due = round.next_due.into_iter().chain(due).min();
        round.stuck_rows.extend(done.stuck_rows.into_iter().map(|row| format!("{service}: {row}")));
    }
    Ok(round)
}
