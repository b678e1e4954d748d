//! The relay: assigns positions to committed outbox rows and lets the bus take them to the services
//! that subscribe to them.
//!
//! Ids of rows are given at the insert, so they are not in commit order: a reader that remembers
//! the last id could skip a row whose transaction commits later. Positions are therefore assigned
//! after the commit, by one relay at a time.

use crate::{
    bus::{
        carrier::{Carried, Carrier},
        outbox::Outbox,
    },
    db::{
        Db,
        rows::{Kind, Rows},
        sql,
    },
    flow::{Leases, background::Beat},
    wire::error::AppError,
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::TenantId;
use sea_orm::{ConnectionTrait, DbBackend};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

/// Events whose positions are assigned in one transaction. The bound keeps it short; the rest
/// follow after their delivery.
const POSITIONS_AT_ONCE: i64 = 2_000;
/// How long the lease is trusted without a look at its row. Shorter than the lease lasts, so two
/// relays never overlap.
const LEASE_TRUSTED_FOR: TimeDelta = TimeDelta::seconds(2);
/// How often the relay looks for work that nobody has told it of.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How soon it looks again for events that are on their way. The pause doubles, up to the usual
/// one, while none arrives.
const LOOK_SOON: Duration = Duration::from_millis(10);

/// Delivers a service's events to their subscribers.
#[derive(Debug, Clone)]
pub struct Relay {
    db: Db,
    outbox: Outbox,
    carrier: Arc<dyn Carrier>,
    leases: Leases,
    /// When the lease was last acquired or renewed. Held through a whole pass: two at once would
    /// carry the same events.
    leased: Arc<Mutex<Option<DateTime<Utc>>>>,
    /// The last position that this process has assigned.
    placed: Arc<watch::Sender<i64>>,
}

impl Relay {
    pub(crate) fn new(db: Db, outbox: Outbox, carrier: Arc<dyn Carrier>, leases: Leases) -> Self {
        Self {
            db,
            outbox,
            carrier,
            leases,
            leased: Arc::default(),
            placed: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Tells whenever this process has assigned positions. Another replica may assign some without
    /// it.
    pub(crate) fn placed(&self) -> watch::Receiver<i64> {
        self.placed.subscribe()
    }

    pub(crate) async fn run_forever(self, beat: Beat, stop: CancellationToken) {
        let mut soon = LOOK_SOON;
        loop {
            beat.beat();
            let committed = self.db.committed.clone();
            let carried = self.pump(Some(&beat)).await;
            soon = if carried.moved { LOOK_SOON } else { (soon * 2).min(LOOK_EVERY) };
            let pause = if carried.on_the_way { soon } else { LOOK_EVERY };
            if let Some(error) = &carried.failure {
                tracing::debug!(%error, "events wait");
            }
            self.db
                .health()
                .note("relay", carried.failure.map(|error| format!("events wait: {error}")));
            tokio::select! {
                () = stop.cancelled() => {
                    if let Err(error) = self.leases.release_singleton("relay").await {
                        tracing::debug!(%error, "the relay's lease runs out by itself");
                    }
                    return;
                }
                () = committed.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Assigns positions to all committed events and lets the bus carry them. With heartbeats
    /// between deliveries: a long backlog must not pass for a task that hangs.
    pub(crate) async fn pump(&self, beat: Option<&Beat>) -> Carried {
        let mut leased = self.leased.lock().await;
        let mut all = Carried::default();
        match self.carry_all(&mut leased, &mut all, beat).await {
            Ok(()) => all,
            Err(error) => Carried { failure: Some(error), ..all },
        }
    }

    async fn carry_all(
        &self,
        leased: &mut Option<DateTime<Utc>>,
        all: &mut Carried,
        beat: Option<&Beat>,
    ) -> Result<(), AppError> {
        if !self.leads(leased).await? {
            self.carrier.hand_over().await;
            return Ok(());
        }
        self.outbox.ensure_cursors().await?;
        let mut more = true;
        while more && all.failure.is_none() {
            let through;
            (through, more) = self.assign_positions().await?;
            let carried = self.carrier.carry(&self.outbox, through, beat).await;
            *all = Carried { moved: all.moved || carried.moved, ..carried };
        }
        Ok(())
    }

    /// Whether this process holds the relay's lease, so that the other replicas do not deliver.
    async fn leads(&self, leased: &mut Option<DateTime<Utc>>) -> Result<bool, AppError> {
        let now = self.db.clock().now();
        if !leased.is_some_and(|at| (TimeDelta::zero()..LEASE_TRUSTED_FOR).contains(&(now - at))) {
            *leased = self.leases.hold_singleton("relay").await?.then_some(now);
        }
        Ok(leased.is_some())
    }

    /// Assigns positions to committed events. Returns the last position, and whether more events
    /// may need one.
    async fn assign_positions(&self) -> Result<(i64, bool), AppError> {
        let txn = self.outbox.transaction().await?;
        let lock =
            if txn.get_database_backend() == DbBackend::Postgres { " FOR UPDATE" } else { "" };
        let last = sql::one(
            &txn,
            &format!("SELECT position FROM outbox_cursors WHERE subscriber = ''{lock}"),
            vec![],
        )
        .await?;
        let last: i64 =
            last.map(|row| row.try_get("", "position")).transpose()?.unwrap_or_default();
        // The rows are updated by their ids. PostgreSQL would plan a join with the rows without a
        // position from statistics that are always out of date here, and read the whole table.
        let select = "SELECT id FROM outbox WHERE position IS NULL ORDER BY id LIMIT $1";
        let without_position = sql::all(&txn, select, vec![POSITIONS_AT_ONCE.into()]).await?;
        if without_position.is_empty() {
            return Ok((last, false));
        }
        let more = i64::try_from(without_position.len()) == Ok(POSITIONS_AT_ONCE);
        let mut next = last;
        let mut positions = Rows::new([("id", Kind::Number), ("position", Kind::Number)]);
        for row in without_position {
            next = next.saturating_add(1);
            positions.push([row.try_get::<i64>("", "id")?.into(), next.into()]);
        }
        positions.update(&txn, "outbox", 1).await?;
        sql::exec(
            &txn,
            "UPDATE outbox_cursors SET position = $1 WHERE subscriber = ''",
            vec![next.into()],
        )
        .await?;
        txn.commit().await?;
        self.placed.send_replace(next);
        crate::kill::point("outbox.after_positions");
        Ok((next, more))
    }

    /// How many events of a tenant are not yet received, summed over the subscribers.
    pub(crate) async fn pending(&self, tenant: &TenantId) -> Result<i64, AppError> {
        self.outbox.pending(tenant).await
    }
}
