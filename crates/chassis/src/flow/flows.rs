//! Flows: work over several databases. One transaction stores an intent row and a lease. A driver,
//! in a task of its own, then executes the steps, and the recovery takes over when the lease lapses
//! because the driver is gone.

use super::leases::{LEASE_SECONDS, Lease, Leases, key};
use crate::{
    db::{Db, sql, tx::WriteTx},
    flow::background::Beat,
    wire::{answer::Answer, call::Call, error::AppError},
};
use chrono::TimeDelta;
use futures::future::BoxFuture;
use prost::Message;
use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use uuid::Uuid;

/// How long a flow may stay open before each takeover logs an error. The operator has to look then:
/// an open flow has no consequence that a customer would notice and report.
const OVERDUE: TimeDelta = TimeDelta::minutes(10);

/// Flows that are taken over in one pass; each needs a transaction.
const RECOVER_AT_ONCE: usize = 50;
/// Recovered flows of one kind that run at once, so that many of one kind do not delay the other
/// kinds.
const MOST_OF_A_KIND: usize = 32;

type Drive = Arc<dyn Fn(Lease) -> BoxFuture<'static, Result<(), AppError>> + Send + Sync>;

/// The drivers of a service, by kind of flow.
#[derive(Clone, Default)]
pub struct Drivers(HashMap<&'static str, (Drive, Arc<Semaphore>)>);

impl Drivers {
    /// The kinds of flows, in order.
    pub(crate) fn kinds(&self) -> Arc<[&'static str]> {
        let mut kinds: Vec<_> = self.0.keys().copied().collect();
        kinds.sort_unstable();
        kinds.into()
    }

    /// Adds the driver of a kind of flow. It reads the intent's state and executes the remaining
    /// steps.
    #[must_use]
    pub fn with<F: Future<Output = Result<(), AppError>> + Send + 'static>(
        mut self,
        flow: &'static str,
        drive: impl Fn(Lease) -> F + Send + Sync + 'static,
    ) -> Self {
        let drive: Drive = Arc::new(move |lease| Box::pin(drive(lease)));
        self.0.insert(flow, (drive, Arc::new(Semaphore::new(MOST_OF_A_KIND))));
        self
    }
}

/// The flows of one service.
#[derive(Clone)]
pub struct Flows {
    leases: Leases,
    drivers: Arc<OnceLock<Drivers>>,
    closed: Arc<Notify>,
}

impl std::fmt::Debug for Flows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Flows({:?})", self.leases)
    }
}

impl Flows {
    pub(crate) fn new(leases: Leases) -> Self {
        Self { leases, drivers: Arc::default(), closed: Arc::default() }
    }

    pub(crate) fn db(&self) -> &Db {
        &self.leases.db
    }

    pub(super) fn owner(&self) -> Uuid {
        self.leases.owner
    }

    pub(crate) fn set_drivers(&self, drivers: Drivers) {
        let _ = self.drivers.set(drivers);
    }

    /// Stores the lease of a new flow in the transaction that stores its intent.
    pub async fn open(
        &self,
        tx: &WriteTx,
        flow: &'static str,
        intent: Uuid,
    ) -> Result<Lease, AppError> {
        // The fence starts at the current instant: if a closed flow is opened again, a driver of
        // the first time must not fit.
        let fence = tx.time().real.timestamp_micros();
        let lease =
            Lease { tenant: tx.call().tenant.clone(), flow, intent, fence, taken_over: false };
        let insert = "INSERT INTO intent_lease (tenant, flow, intent_id, owner, fence, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
        let until = tx.time().real + TimeDelta::seconds(LEASE_SECONDS);
        sql::exec(
            tx.conn(),
            insert,
            [key(&lease), vec![self.leases.owner.into(), fence.into(), until.into()]].concat(),
        )
        .await?;
        Ok(lease)
    }

    /// Executes a flow up to its close and renews its lease meanwhile.
    ///
    /// # Errors
    /// The error of the step that failed. The recovery retries the flow when the lease has lapsed.
    pub async fn drive(&self, lease: Lease) -> Result<(), AppError> {
        let drivers = self.drivers.get().and_then(|drivers| drivers.0.get(lease.flow));
        let Some((drive, _)) = drivers else {
            return Err(AppError::Fault(format!("no driver of {}", lease.flow)));
        };
        // Renewals run in a task of their own. One that waits for a row lock of the driver must not
        // stop the driver from releasing it, and one that is under way when the driver ends must
        // not be dropped halfway. A failed renewal does no harm: the fence protects the writes.
        let renewing = CancellationToken::new();
        let _stops_renewal = renewing.clone().drop_guard();
        tokio::spawn(self.leases.clone().renew_until(lease.clone(), renewing));
        let done = drive(lease).await;
        self.closed.notify_waiters();
        done
    }

    /// Whether the flow of that intent is open, driven now or waiting for the recovery.
    pub async fn is_open(
        &self,
        tx: &WriteTx,
        flow: &'static str,
        intent: Uuid,
    ) -> Result<bool, AppError> {
        let select =
            "SELECT fence FROM intent_lease WHERE tenant = $1 AND flow = $2 AND intent_id = $3";
        let values = vec![tx.call().tenant.as_str().into(), flow.into(), intent.into()];
        Ok(sql::one(tx.conn(), select, values).await?.is_some())
    }

    /// Whether a request is stored: it was answered, or its flow is open.
    pub async fn knows(&self, call: &Call) -> Result<bool, AppError> {
        let read = self.leases.db.read(&call.tenant).await?;
        let select = "SELECT request_id FROM requests WHERE tenant = $1 AND request_id = $2 AND refused IS NULL";
        Ok(sql::one(&read, select, vec![call.tenant.as_str().into(), call.request_id.into()])
            .await?
            .is_some())
    }

    /// Drives a flow in a task of its own, which continues if the caller goes away.
    pub fn spawn(&self, lease: Lease) {
        self.spawn_with(lease, None);
    }

    fn spawn_with(&self, lease: Lease, permit: Option<OwnedSemaphorePermit>) {
        let flows = self.clone();
        let span = tracing::Span::current();
        tokio::spawn(tracing::Instrument::instrument(
            async move {
                if let Err(error) = flows.drive(lease).await {
                    tracing::warn!(%error, "a flow stopped; the recovery goes on with it");
                }
                drop(permit);
            },
            span,
        ));
    }

    /// Waits until the flow that a request began has closed, and returns its answer.
    ///
    /// # Errors
    /// The refusal of the flow. The wait ends with the caller's deadline, since the whole call
    /// does.
    pub async fn answer<M: Message + Default>(
        &self,
        call: &Call,
        replayed: bool,
    ) -> Result<Answer<M>, AppError> {
        loop {
            let closed = self.closed.notified();
            let select = "SELECT answer, refused FROM requests WHERE tenant = $1 AND request_id = $2 \
                          AND (answer IS NOT NULL OR refused IS NOT NULL)";
            let read = self.leases.db.read(&call.tenant).await?;
            let row =
                sql::one(&read, select, vec![call.tenant.as_str().into(), call.request_id.into()])
                    .await?;
            drop(read);
            if let Some(row) = row {
                if let Some(refused) = row.try_get::<Option<Vec<u8>>>("", "refused")? {
                    return Err(AppError::Upstream(Box::new(stored_refusal(refused)?)));
                }
                let answer: Vec<u8> = row.try_get("", "answer")?;
                return Ok(Answer {
                    message: M::decode(answer.as_slice())?,
                    replayed,
                    versions: Vec::new(),
                });
            }
            // The notification is only of this process; a flow that another replica closes is found
            // by the poll.
            let _ = tokio::time::timeout(Duration::from_millis(200), closed).await;
        }
    }

    pub(crate) async fn recover_forever(self, beat: Beat, stop: CancellationToken) {
        loop {
            beat.beat();
            let more = self.recover().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "open flows could not be looked for");
                false
            });
            let pause = Duration::from_millis(if more { 50 } else { 1_000 });
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.leases.db.flow_enqueued.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Takes over flows whose lease has lapsed, as many as there are permits for. Returns whether
    /// there may be more.
    async fn recover(&self) -> Result<bool, AppError> {
        let Some(drivers) = self.drivers.get() else { return Ok(false) };
        let with_permits =
            drivers.0.iter().filter(|(_, (_, permits))| permits.available_permits() > 0);
        let kinds: Vec<_> = with_permits.map(|(flow, _)| format!("'{flow}'")).collect();
        if kinds.is_empty() {
            return Ok(true);
        }
        let now = self.leases.db.clock().now();
        let select = format!(
            "SELECT tenant, flow, intent_id, fence FROM intent_lease WHERE expires_at < $1 AND tenant <> '' \
             AND flow IN ({}) ORDER BY expires_at LIMIT {RECOVER_AT_ONCE}",
            kinds.join(", ")
        );
        let rows = sql::all(self.leases.db.system(), &select, vec![now.into()]).await?;
        let more = rows.len() == RECOVER_AT_ONCE;
        for row in rows {
            let tenant: String = row.try_get("", "tenant")?;
            let flow: String = row.try_get("", "flow")?;
            let Some((flow, (_, permits))) = drivers.0.get_key_value(flow.as_str()) else {
                continue;
            };
            let Ok(permit) = permits.clone().try_acquire_owned() else { continue };
            let Ok(tenant) = tenant.parse() else { continue };
            let fence: i64 = row.try_get("", "fence")?;
            let lease = Lease {
                tenant,
                flow,
                intent: row.try_get("", "intent_id")?,
                fence: fence.saturating_add(1),
                taken_over: true,
            };
            let txn = self.leases.db.transaction().await?;
            // Conditional on the fence that was read: of two replicas that see the same lapsed
            // lease only one succeeds.
            let takeover = "UPDATE intent_lease SET owner = $4, fence = $5, expires_at = $6 WHERE tenant = $1 AND flow = $2 AND intent_id = $3 AND fence = $7";
            let until = now + TimeDelta::seconds(LEASE_SECONDS);
            let values =
                vec![self.leases.owner.into(), lease.fence.into(), until.into(), fence.into()];
            let updated = sql::exec(&txn, takeover, [key(&lease), values].concat()).await?;
            txn.commit().await?;
            if updated == 1 {
                tracing::info!(flow = lease.flow, intent = %lease.intent, "a flow is taken over");
                if let Some(age) = overdue(lease.fence, now) {
                    let (flow, tenant, intent) = (lease.flow, &lease.tenant, lease.intent);
                    tracing::error!(flow, %tenant, %intent, age_seconds = age.num_seconds(), "a flow has been open for too long: a service that it needs does not answer it");
                }
                self.spawn_with(lease, Some(permit));
            }
        }
        Ok(more)
    }
}

/// The age of a flow if it is above [`OVERDUE`]. The fence shows it: it starts at the instant of
/// the opening in microseconds, and each takeover adds only one.
fn overdue(fence: i64, now: chrono::DateTime<chrono::Utc>) -> Option<TimeDelta> {
    let age = now - chrono::DateTime::from_timestamp_micros(fence)?;
    (age >= OVERDUE).then_some(age)
}

/// Decodes a stored refusal.
fn stored_refusal(refused: Vec<u8>) -> Result<Status, AppError> {
    let whole = tonic_types::Status::decode(refused.as_slice())?;
    Ok(Status::with_details(Code::from_i32(whole.code), whole.message, refused.into()))
}

/// Enqueues a flow that nobody waits for, with a lease that has lapsed already. The commit wakes
/// the recovery of this process, which drives it. If this process dies first, another replica finds
/// it within a second.
pub async fn enqueue(tx: &WriteTx, flow: &'static str, intent: Uuid) -> Result<(), AppError> {
    let fence = tx.time().real.timestamp_micros();
    let lease = Lease { tenant: tx.call().tenant.clone(), flow, intent, fence, taken_over: false };
    let insert = "INSERT INTO intent_lease (tenant, flow, intent_id, owner, fence, expires_at) VALUES ($1, $2, $3, $4, $5, $6) \
                  ON CONFLICT DO NOTHING";
    let lapsed = chrono::DateTime::UNIX_EPOCH;
    sql::exec(
        tx.conn(),
        insert,
        [key(&lease), vec![Uuid::nil().into(), fence.into(), lapsed.into()]].concat(),
    )
    .await?;
    tx.wake_recovery();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::overdue;
    use chrono::{DateTime, TimeDelta};

    #[test]
    fn a_flow_is_overdue_ten_minutes_after_it_was_opened_however_often_it_was_taken_over() {
        let opened = DateTime::from_timestamp(1_780_236_000, 0).unwrap();
        let fence = opened.timestamp_micros() + 70;
        assert_eq!(overdue(fence, opened + TimeDelta::seconds(599)), None);
        assert_eq!(
            overdue(fence, opened + TimeDelta::seconds(601)).map(|age| age.num_seconds()),
            Some(600)
        );
    }
}
