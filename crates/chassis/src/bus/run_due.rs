//! A service's part in the runs of test clocks: store the time, run what is due, hand events on.

use crate::{
    bus::relay::Relay,
    db::{Db, sql, tenants},
    flow::{jobs, jobs::Jobs},
    wire::{error::AppError, fields::Fields, render::timestamp},
};
use chrono::{DateTime, Utc};
use payterms_kernel::TenantId;
use payterms_proto::common::v1::{RunDueRequest, RunDueResponse, clock_service_server::ClockService};
use std::{collections::BTreeSet, time::Duration};
use tonic::{Request, Response, Status};

/// Rows run at most in one call; the caller asks again while rows move.
const ROWS: i64 = 500;

/// How often it is looked whether flows have ended, before a round ends without them.
const PATIENCE: u32 = 100;

/// The clock's hand in one service.
#[derive(Debug, Clone)]
pub struct RunDue {
    pub(crate) db: Db,
    pub(crate) jobs: Jobs,
    pub(crate) relay: Relay,
}

impl RunDue {
    async fn run(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
        (run_id, advancing): (&str, bool),
        seed: &[u8],
    ) -> Result<RunDueResponse, AppError> {
        let txn = self.db.transaction().await?;
        let in_time = tenants::take_round(&txn, tenant, (now, seed), (run_id, advancing)).await?;
        let suspended = tenants::state(&txn, tenant).await?.is_some_and(|state| state.suspended);
        txn.commit().await?;
        if !in_time {
            return Ok(RunDueResponse::default());
        }
        let (mut moved, mut stuck) = (0_i64, BTreeSet::new());
        let run = advancing.then_some(run_id);
        if advancing {
            // The work of a suspended tenant waits until it is active again, as that of live ones does.
            if !suspended {
                moved = self.run_rows(tenant, now, run, &mut stuck).await?;
            }
            moved = moved.saturating_add(self.wait_for_flows(tenant, run).await?);
            let waiting = self.relay.pending(tenant).await?;
            if waiting > 0 {
                self.relay.pump().await?;
                // Another replica may be the relay: it is given a moment before the next round.
                for _ in 0..40 {
                    if self.relay.pending(tenant).await? < waiting {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                moved = moved.saturating_add(waiting);
            }
        }
        let select = "SELECT min(due_at) AS next FROM due WHERE tenant = $1 AND due_at > $2";
        let row = sql::one(self.db.system(), select, vec![tenant.as_str().into(), now.into()]).await?;
        let next: Option<DateTime<Utc>> = row.map(|row| row.try_get("", "next")).transpose()?.flatten();
        Ok(RunDueResponse {
            moved_count: i32::try_from(moved).unwrap_or(i32::MAX),
            next_due: next.map(timestamp),
            stuck_rows: stuck.into_iter().take(20).collect(),
        })
    }

    /// Waits a while for flows that are under way; what they do has moved something.
    async fn wait_for_flows(&self, tenant: &TenantId, run: Option<&str>) -> Result<i64, AppError> {
        // The run itself is a flow of the service that owns the clock.
        let run_id = run.and_then(crate::wire::names::uuid).unwrap_or_default();
        let select = "SELECT flow FROM intent_lease WHERE tenant = $1 AND intent_id <> $2 LIMIT 1";
        for waited in 0..PATIENCE {
            if sql::one(self.db.system(), select, vec![tenant.as_str().into(), run_id.into()]).await?.is_none() {
                return Ok(i64::from(waited > 0));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(1)
    }

    async fn run_rows(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
        run: Option<&str>,
        stuck: &mut BTreeSet<String>,
    ) -> Result<i64, AppError> {
        let select = "SELECT tenant, job, subject, due_at, ordinal FROM due WHERE tenant = $1 AND due_at <= $2 ORDER BY due_at, job, subject LIMIT $3";
        let rows = sql::all(self.db.system(), select, vec![tenant.as_str().into(), now.into(), ROWS.into()]).await?;
        let mut moved = 0_i64;
        for row in &rows {
            let row = jobs::row_of(row, run.map(str::to_owned))?;
            let name = format!("{}/{}", row.job, row.subject);
            match self.jobs.run(row).await {
                Ok(()) => moved = moved.saturating_add(1),
                Err(error) => {
                    tracing::warn!(row = %name, %error, "a due row of a test clock did not get done");
                    stuck.insert(name);
                }
            }
        }
        Ok(moved.saturating_add(i64::try_from(stuck.len()).unwrap_or_default()))
    }
}

#[tonic::async_trait]
impl ClockService for RunDue {
    async fn run_due(&self, request: Request<RunDueRequest>) -> Result<Response<RunDueResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let tenant = fields.name("tenant", &format!("tenants/{}", message.tenant), &[]).tenant;
        let now = fields.instant("now", message.now.as_ref());
        fields.finish()?;
        let run = (message.run_id.as_str(), message.advancing);
        Ok(Response::new(self.run(&tenant, now, run, &message.seed).await?))
    }
}
