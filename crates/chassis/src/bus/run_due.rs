//! A service's part in advancing a test clock: it stores the new time, runs the due jobs and
//! delivers the events they cause.

use crate::{
    bus::relay::Relay,
    db::{
        Db, sql, tenants,
        tenants::{ClockRound, RoundPhase},
    },
    flow::{jobs, jobs::Jobs},
    wire::{error::AppError, fields::Fields, render::timestamp},
};
use chrono::{DateTime, Utc};
use payterms_kernel::TenantId;
use payterms_proto::common::peers::v1::{
    RunDueRequest, RunDueResponse, clock_service_server::ClockService,
};
use std::{collections::BTreeSet, time::Duration};
use tonic::{Request, Response, Status};

/// Due rows in one call, so that a call ends within its deadline. The caller repeats the call while
/// rows are processed.
const ROWS: i64 = 500;

/// Polls for open flows before a round ends without them, and how often. The limit keeps one stuck
/// flow from blocking the clock for ever.
const FLOW_POLLS: u32 = 400;
const POLL_EVERY: Duration = Duration::from_millis(5);

/// Looks for events that were received, in a row without one, before a round goes on.
const RELAY_POLLS: u32 = 80;

/// The handler of `ClockService` in one service.
#[derive(Debug, Clone)]
pub struct RunDue {
    pub(crate) db: Db,
    pub(crate) jobs: Jobs,
    pub(crate) relay: Relay,
}

/// What became of the flows that were open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flows {
    NoneOpen,
    Ended,
    StillOpen,
}

impl RunDue {
    async fn advance_tenant(
        &self,
        tenant: &TenantId,
        round: ClockRound<'_>,
    ) -> Result<RunDueResponse, AppError> {
        let ClockRound { now, run_id, phase, .. } = round;
        let txn = self.db.transaction().await?;
        let in_time = tenants::apply_round(&txn, tenant, round).await?;
        let suspended = tenants::state(&txn, tenant).await?.is_some_and(|state| state.suspended);
        txn.commit().await?;
        if !in_time || phase == RoundPhase::Shown {
            return Ok(RunDueResponse::default());
        }
        let mut moved = 0_i64;
        let mut stuck = BTreeSet::new();
        if phase == RoundPhase::Advancing {
            // What other services have caused meanwhile is settled first, so that rows always find
            // the same.
            moved = moved.saturating_add(self.settle(tenant, run_id).await?);
            // Due work of a suspended tenant waits until the tenant is active again, with and
            // without a test clock.
            if !suspended {
                moved = moved.saturating_add(self.run_rows(tenant, now, run_id, &mut stuck).await?);
            }
            moved = moved.saturating_add(self.settle(tenant, run_id).await?);
        }
        let select = "SELECT min(due_at) AS next FROM due WHERE tenant = $1 AND due_at > $2";
        let row =
            sql::one(self.db.system(), select, vec![tenant.as_str().into(), now.into()]).await?;
        let next: Option<DateTime<Utc>> =
            row.map(|row| row.try_get("", "next")).transpose()?.flatten();
        Ok(RunDueResponse {
            moved_count: i32::try_from(moved).unwrap_or(i32::MAX),
            next_due: next.map(timestamp),
            stuck_rows: stuck.into_iter().take(20).collect(),
        })
    }

    /// Waits for open flows, and until the tenant's events have been received. Returns how much
    /// there was to wait for, since it may have made more work due. What is left after a while is
    /// left to the next round: the clock's owner goes on until there is nothing.
    async fn settle(&self, tenant: &TenantId, run_id: &str) -> Result<i64, AppError> {
        let mut moved = i64::from(self.wait_for_flows(tenant, run_id).await? != Flows::NoneOpen);
        let mut waiting = self.relay.pending(tenant).await?;
        moved = moved.saturating_add(waiting);
        let mut polls = 0;
        while waiting > 0 && polls < RELAY_POLLS {
            if let Some(error) = self.relay.pump(None).await.failure {
                return Err(error);
            }
            let still = self.relay.pending(tenant).await?;
            if still < waiting {
                polls = 0;
            } else {
                // Another replica may hold the relay's lease, and on a bus with a broker events are
                // on their way for a moment.
                polls += 1;
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
            waiting = still;
        }
        Ok(moved)
    }

    /// Waits for open flows, up to [`FLOW_POLLS`] times. If there were any, they may have made more
    /// work due.
    async fn wait_for_flows(&self, tenant: &TenantId, run_id: &str) -> Result<Flows, AppError> {
        // In the service that owns the clock the run is itself an open flow, and must not wait for
        // its own end.
        let run_id = crate::wire::names::uuid(run_id).unwrap_or_default();
        let select = "SELECT flow FROM intent_lease WHERE tenant = $1 AND intent_id <> $2 LIMIT 1";
        for waited in 0..FLOW_POLLS {
            if sql::one(self.db.system(), select, vec![tenant.as_str().into(), run_id.into()])
                .await?
                .is_none()
            {
                return Ok(if waited == 0 { Flows::NoneOpen } else { Flows::Ended });
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
        Ok(Flows::StillOpen)
    }

    async fn run_rows(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
        run_id: &str,
        stuck: &mut BTreeSet<String>,
    ) -> Result<i64, AppError> {
        let select = format!(
            "SELECT tenant, job, subject, due_at, ordinal FROM due WHERE tenant = $1 AND due_at <= $2 ORDER BY {} LIMIT $3",
            self.jobs.order()
        );
        let rows = sql::all(
            self.db.system(),
            &select,
            vec![tenant.as_str().into(), now.into(), ROWS.into()],
        )
        .await?;
        let mut moved = 0_i64;
        let mut flows = Flows::NoneOpen;
        for row in &rows {
            let row = jobs::row_of(row, Some(run_id.to_owned()))?;
            let name = format!("{}/{}", row.job, row.subject);
            match self.jobs.execute(row).await {
                Ok(()) => moved = moved.saturating_add(1),
                Err(error) => {
                    tracing::warn!(row = %name, %error, "a due row of a test clock did not get done");
                    stuck.insert(name);
                }
            }
            // One row's flows end before the next row, so that they always come in the same order.
            // One that is stuck is waited for once.
            if flows != Flows::StillOpen {
                flows = self.wait_for_flows(tenant, run_id).await?;
            }
        }
        Ok(moved.saturating_add(i64::try_from(stuck.len()).unwrap_or_default()))
    }
}

#[tonic::async_trait]
impl ClockService for RunDue {
    async fn run_due(
        &self,
        request: Request<RunDueRequest>,
    ) -> Result<Response<RunDueResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let tenant = fields.name("tenant", &format!("tenants/{}", message.tenant), &[]).tenant;
        let now = fields.instant("now", message.now.as_ref());
        fields.finish()?;
        let phase = match (message.advancing, message.tells_time) {
            (true, true) => RoundPhase::Shown,
            (true, false) => RoundPhase::Advancing,
            (false, _) => RoundPhase::Finished,
        };
        let round = ClockRound { now, seed: &message.seed, run_id: &message.run_id, phase };
        Ok(Response::new(self.advance_tenant(&tenant, round).await?))
    }
}
