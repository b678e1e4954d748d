//! The state of a tenant that every service stores: whether it may write, its time zone, its test
//! clock.
//!
//! The service that owns the register writes this row itself. The others write it from the
//! register's events and from the rounds of the test clock.

use crate::{
    db::sql,
    wire::{
        call::Call,
        error::{AppError, not_yet},
    },
};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use payterms_kernel::{Kind, Reason, Refusal, TenantId};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult};
use uuid::Uuid;

/// The row of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantState {
    /// True while all writes are refused.
    pub suspended: bool,
    /// The time zone in which the tenant's days begin and end.
    pub zone: Tz,
    /// The day that the calendar had reached when the zone was last changed.
    pub reached: Option<NaiveDate>,
    /// The test clock's time, where there is one.
    pub clock_now: Option<DateTime<Utc>>,
    /// The seed of the test clock's ids.
    pub clock_seed: Option<Vec<u8>>,
    /// The run that is advancing the clock; `None` while the clock stands. Only this run may write
    /// meanwhile.
    pub clock_run: Option<String>,
    /// The time part of the ids of the last write of a test clock that was the next one.
    last_id_millis: i64,
}

impl TenantState {
    /// Whether a call of this tenant may write now.
    ///
    /// # Errors
    /// `TENANT_SUSPENDED` or `CLOCK_ADVANCING`.
    pub fn admits(&self, call: &Call) -> Result<(), AppError> {
        if self.suspended {
            let message = "The tenant is suspended; nothing of it can be changed.";
            return Err(Refusal::precondition(Reason::TENANT_SUSPENDED, message).into());
        }
        match &self.clock_run {
            Some(run) if call.caller.run_id.as_ref() != Some(run) => {
                let message = "The tenant's test clock is advancing. Retry when it is READY.";
                Err(Refusal::new(Kind::Conflict, Reason::CLOCK_ADVANCING, message).into())
            }
            _ => Ok(()),
        }
    }
}

/// The refusal for a tenant whose registration event has not arrived yet.
#[must_use]
pub fn unknown_yet() -> AppError {
    not_yet(Reason::TENANT_UNKNOWN_YET, "The service has not heard of the tenant yet. Retry.")
}

/// The row of a tenant.
pub async fn state<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<Option<TenantState>, DbErr> {
    let query = "SELECT suspended, time_zone, day_reached, clock_now, clock_seed, clock_run, last_id_millis FROM tenant_states \
                 WHERE tenant = $1";
    sql::one(conn, query, vec![tenant.as_str().into()]).await?.as_ref().map(read).transpose()
}

/// Reads a tenant's row at the start of its transaction and, in the same round trip, sets the
/// tenant for row-level security.
pub async fn enter<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<Option<TenantState>, DbErr> {
    if conn.get_database_backend() != DbBackend::Postgres {
        return state(conn, tenant).await;
    }
    let query = "SELECT set_config('payterms.tenants', $1, true), tenant, suspended, time_zone, day_reached, clock_now, clock_seed, \
                 clock_run, last_id_millis FROM (SELECT 1) AS one LEFT JOIN tenant_states ON tenant = $1";
    let Some(row) = sql::one(conn, query, vec![tenant.as_str().into()]).await? else {
        return Ok(None);
    };
    // The join yields a row of nulls for an unregistered tenant.
    let registered: Option<String> = row.try_get("", "tenant")?;
    registered.map(|_| read(&row)).transpose()
}

fn read(row: &QueryResult) -> Result<TenantState, DbErr> {
    let zone: String = row.try_get("", "time_zone")?;
    Ok(TenantState {
        suspended: row.try_get("", "suspended")?,
        zone: zone.parse().unwrap_or(chrono_tz::UTC),
        reached: row.try_get::<String>("", "day_reached")?.parse().ok(),
        clock_now: row.try_get("", "clock_now")?,
        clock_seed: row.try_get("", "clock_seed")?,
        clock_run: row.try_get("", "clock_run")?,
        last_id_millis: row.try_get("", "last_id_millis")?,
    })
}

/// Where a write stands among the others of a tenant with a test clock. The ids that it makes show
/// it, so the same story has the same ids although flows and events run side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Ordered after all earlier writes. Used for callers, due rows and flows, which write one at a
    /// time.
    Next,
    /// With what caused it, an intent or an event, whose id tells when that was. A service that is
    /// called by another one does not know it.
    Caused(Option<DateTime<Utc>>),
}

impl Turn {
    /// The turn of a write. What another service calls for it makes once: its request id is that of
    /// a step.
    pub(crate) fn of(call: &Call) -> Self {
        if call.caused_by.is_none() && call.caller.has("PEER") {
            Self::Caused(None)
        } else {
            Self::Next
        }
    }

    /// The turn of a write that comes at any moment after its cause.
    pub(crate) fn with_cause(call: &Call) -> Self {
        Self::Caused(call.caused_by.and_then(instant_of))
    }
}

/// The instant that an id of ours holds.
fn instant_of(id: Uuid) -> Option<DateTime<Utc>> {
    let (seconds, nanos) = id.get_timestamp().filter(|_| id.get_version_num() == 7)?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

/// Takes a write's turn among the others of a tenant with a test clock: locks the tenant's row and
/// returns it as it is then, with the time part of the ids that the write makes. Ids must rise in
/// the order of writes even while the clock stands, and be the same each time the story is played.
/// `None` for tenants without a test clock, whose row is not locked.
pub async fn take_turn<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    turn: Turn,
    entered: TenantState,
) -> Result<(TenantState, Option<DateTime<Utc>>), DbErr> {
    let Some(now) = entered.clock_now else { return Ok((entered, None)) };
    let Turn::Caused(at) = turn else {
        let next = "UPDATE tenant_states SET last_id_millis = CASE WHEN last_id_millis >= $2 THEN last_id_millis + 1 ELSE $2 END \
                    WHERE tenant = $1 RETURNING last_id_millis";
        let row = sql::one(conn, next, vec![tenant.as_str().into(), now.timestamp_millis().into()])
            .await?;
        let millis: Option<i64> = row.map(|row| row.try_get("", "last_id_millis")).transpose()?;
        return Ok((entered, millis.and_then(DateTime::from_timestamp_millis)));
    };
    let mut locked = entered;
    if conn.get_database_backend() == DbBackend::Postgres {
        // The next write locks this row first (above). The same order here avoids deadlocks.
        sql::one(
            conn,
            "SELECT tenant FROM tenant_states WHERE tenant = $1 FOR UPDATE",
            vec![tenant.as_str().into()],
        )
        .await?;
        // The clock may have advanced while this waited for the lock.
        locked = state(conn, tenant).await?.unwrap_or(locked);
    }
    let now = locked.clock_now.unwrap_or(now);
    // While the clock stands, whoever waits for this write has made the last one. While it
    // advances, flows run side by side.
    let last = DateTime::from_timestamp_millis(locked.last_id_millis)
        .filter(|_| locked.clock_run.is_none());
    let instant = at.or(last).map_or(now, |instant| instant.max(now));
    Ok((locked, Some(instant)))
}

/// The zone of a tenant as the register names it; none while the register has not been heard.
pub(crate) async fn named_zone<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<Option<String>, DbErr> {
    let row = sql::one(
        conn,
        "SELECT time_zone FROM tenant_states WHERE tenant = $1",
        vec![tenant.as_str().into()],
    )
    .await?;
    Ok(row
        .map(|row| row.try_get::<String>("", "time_zone"))
        .transpose()?
        .filter(|zone| !zone.is_empty()))
}

/// Notes the day that a tenant's calendar has reached.
pub(crate) async fn reach<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    day: NaiveDate,
) -> Result<(), DbErr> {
    let update = "UPDATE tenant_states SET day_reached = $2 WHERE tenant = $1";
    sql::exec(conn, update, vec![tenant.as_str().into(), day.to_string().into()]).await.map(|_| ())
}

/// Stores the register's fields of a tenant and leaves its test clock unchanged.
pub async fn register<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    suspended: bool,
    zone: &str,
) -> Result<(), DbErr> {
    let upsert = "INSERT INTO tenant_states (tenant, suspended, time_zone) VALUES ($1, $2, $3) \
                  ON CONFLICT (tenant) DO UPDATE SET suspended = excluded.suspended, time_zone = excluded.time_zone";
    sql::exec(conn, upsert, vec![tenant.as_str().into(), suspended.into(), zone.into()])
        .await
        .map(|_| ())
}

/// Stores the time of a tenant's test clock and the run that advances it; `None` if the clock
/// stands.
pub async fn set_clock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    now: DateTime<Utc>,
    seed: &[u8],
    run: Option<&str>,
) -> Result<(), DbErr> {
    let upsert = "INSERT INTO tenant_states (tenant, suspended, time_zone, clock_now, clock_seed, clock_run) \
                  VALUES ($1, false, '', $2, $3, $4) ON CONFLICT (tenant) DO UPDATE SET \
                  clock_now = excluded.clock_now, clock_seed = excluded.clock_seed, clock_run = excluded.clock_run";
    let values = vec![
        tenant.as_str().into(),
        now.into(),
        seed.to_vec().into(),
        run.map(str::to_owned).into(),
    ];
    sql::exec(conn, upsert, values).await.map(|_| ())
}

/// One round of a run that advances a tenant's test clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClockRound<'a> {
    /// The time that the clock shows from this round on.
    pub now: DateTime<Utc>,
    /// The seed of the test clock's ids.
    pub seed: &'a [u8],
    /// The run that the round belongs to.
    pub run_id: &'a str,
    /// Whether the run goes on after this round.
    pub phase: RoundPhase,
}

/// Whether a run of a test clock goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoundPhase {
    /// The clock shows the time of the round, and nothing is run yet: calls of others are refused.
    Shown,
    /// Due jobs run, and calls of others are refused until the run has finished.
    Advancing,
    /// The run has reached its time: the clock stands again.
    Finished,
}

/// Stores the time of a round. Returns false, and changes nothing, if the round is late: its run
/// has already finished here, or the clock is further on. This fences off a driver that was
/// believed dead and comes back.
pub(crate) async fn apply_round<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    round: ClockRound<'_>,
) -> Result<bool, DbErr> {
    let ClockRound { now, seed, run_id, phase } = round;
    let upsert = "INSERT INTO tenant_states (tenant, suspended, time_zone, clock_now, clock_seed, clock_run, clock_done) \
                  VALUES ($1, false, '', $2, $3, $4, $5) ON CONFLICT (tenant) DO UPDATE SET clock_now = excluded.clock_now, \
                  clock_seed = excluded.clock_seed, clock_run = excluded.clock_run, \
                  clock_done = CASE WHEN excluded.clock_done = '' THEN tenant_states.clock_done ELSE excluded.clock_done END \
                  WHERE tenant_states.clock_done <> $6 AND (tenant_states.clock_now IS NULL OR tenant_states.clock_now <= excluded.clock_now)";
    let (clock_run, clock_done) = match phase {
        RoundPhase::Shown | RoundPhase::Advancing => (Some(run_id.to_owned()), ""),
        RoundPhase::Finished => (None, run_id),
    };
    let values = vec![
        tenant.as_str().into(),
        now.into(),
        seed.to_vec().into(),
        clock_run.into(),
        clock_done.into(),
        run_id.into(),
    ];
    Ok(sql::exec(conn, upsert, values).await? == 1)
}

/// The slugs of tenants after `after`, in order, for the operator.
pub async fn list(db: &crate::db::Db, after: &str, limit: u64) -> Result<Vec<String>, AppError> {
    let select = "SELECT tenant FROM tenant_states WHERE tenant > $1 ORDER BY tenant LIMIT $2";
    let rows = sql::all(
        db.system(),
        select,
        vec![after.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
    )
    .await?;
    Ok(rows.iter().map(|row| row.try_get("", "tenant")).collect::<Result<_, _>>()?)
}
