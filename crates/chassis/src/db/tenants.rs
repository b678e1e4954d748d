//! What every service knows of a tenant: whether it may write, its zone, its test clock.
//!
//! The owner of the register writes this row itself; the others write it from the register's
//! events and from the runs of the clock.

use crate::{
    db::sql,
    wire::{
        call::Call,
        error::{AppError, not_yet},
    },
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use payterms_kernel::{Kind, Refusal, TenantId};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult};

/// The row of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantState {
    /// True while all writes are refused.
    pub suspended: bool,
    /// The zone that the tenant's days are counted in.
    pub zone: Tz,
    /// The test clock's time, where there is one.
    pub clock_now: Option<DateTime<Utc>>,
    /// The seed of the test clock's ids.
    pub clock_seed: Option<Vec<u8>>,
    /// The run that advances the clock, while it advances.
    pub clock_run: Option<String>,
}

impl TenantState {
    /// Whether a call of this tenant may write now.
    ///
    /// # Errors
    /// `TENANT_SUSPENDED` or `CLOCK_ADVANCING`.
    pub fn admits(&self, call: &Call) -> Result<(), AppError> {
        if self.suspended {
            let message = "The tenant is suspended; nothing of it can be changed.";
            return Err(Refusal::precondition("TENANT_SUSPENDED", message).into());
        }
        match &self.clock_run {
            Some(run) if call.caller.run_id.as_ref() != Some(run) => {
                let message = "The tenant's test clock is advancing. Retry when it is READY.";
                Err(Refusal::new(Kind::Conflict, "CLOCK_ADVANCING", message).into())
            }
            _ => Ok(()),
        }
    }
}

/// The refusal where the register's event has not come yet.
#[must_use]
pub fn unknown_yet() -> AppError {
    not_yet("TENANT_UNKNOWN_YET", "The service has not heard of the tenant yet. Retry.")
}

/// The row of a tenant.
///
/// # Errors
/// The database's.
pub async fn state<C: ConnectionTrait>(conn: &C, tenant: &TenantId) -> Result<Option<TenantState>, DbErr> {
    let query = "SELECT suspended, time_zone, clock_now, clock_seed, clock_run FROM tenant_states WHERE tenant = $1";
    sql::one(conn, query, vec![tenant.as_str().into()]).await?.as_ref().map(read).transpose()
}

/// The same, at the start of a tenant's transaction: row-level security is told of the tenant.
///
/// # Errors
/// The database's.
pub async fn enter<C: ConnectionTrait>(conn: &C, tenant: &TenantId) -> Result<Option<TenantState>, DbErr> {
    if conn.get_database_backend() != DbBackend::Postgres {
        return state(conn, tenant).await;
    }
    let query = "SELECT set_config('payterms.tenants', $1, true), tenant, suspended, time_zone, clock_now, clock_seed, clock_run \
                 FROM (SELECT 1) AS one LEFT JOIN tenant_states ON tenant = $1";
    let Some(row) = sql::one(conn, query, vec![tenant.as_str().into()]).await? else { return Ok(None) };
    let found: Option<String> = row.try_get("", "tenant")?;
    found.map(|_| read(&row)).transpose()
}

fn read(row: &QueryResult) -> Result<TenantState, DbErr> {
    let zone: String = row.try_get("", "time_zone")?;
    Ok(TenantState {
        suspended: row.try_get("", "suspended")?,
        zone: zone.parse().unwrap_or(chrono_tz::UTC),
        clock_now: row.try_get("", "clock_now")?,
        clock_seed: row.try_get("", "clock_seed")?,
        clock_run: row.try_get("", "clock_run")?,
    })
}

/// The time part of ids that a transaction of a test clock's tenant makes: the clock's, or a
/// millisecond more than the last transaction's, so that ids rise in the order of writes though the
/// clock stands. None for live tenants, whose clock moves.
///
/// # Errors
/// The database's.
pub async fn rising_time<C: ConnectionTrait>(conn: &C, tenant: &TenantId, state: &TenantState) -> Result<Option<DateTime<Utc>>, DbErr> {
    let Some(now) = state.clock_now else { return Ok(None) };
    let next = "UPDATE tenant_states SET last_id_millis = CASE WHEN last_id_millis >= $2 THEN last_id_millis + 1 ELSE $2 END \
                WHERE tenant = $1 RETURNING last_id_millis";
    let row = sql::one(conn, next, vec![tenant.as_str().into(), now.timestamp_millis().into()]).await?;
    let millis: Option<i64> = row.map(|row| row.try_get("", "last_id_millis")).transpose()?;
    Ok(millis.and_then(DateTime::from_timestamp_millis))
}

/// Stores what the register says of a tenant; its clock is left as it is.
///
/// # Errors
/// The database's.
pub async fn register<C: ConnectionTrait>(conn: &C, tenant: &TenantId, suspended: bool, zone: &str) -> Result<(), DbErr> {
    let upsert = "INSERT INTO tenant_states (tenant, suspended, time_zone) VALUES ($1, $2, $3) \
                  ON CONFLICT (tenant) DO UPDATE SET suspended = excluded.suspended, time_zone = excluded.time_zone";
    sql::exec(conn, upsert, vec![tenant.as_str().into(), suspended.into(), zone.into()]).await.map(|_| ())
}

/// Stores the time of a tenant's test clock, and the run that advances it (`None`: it stands).
///
/// # Errors
/// The database's.
pub async fn set_clock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    now: DateTime<Utc>,
    seed: &[u8],
    run: Option<&str>,
) -> Result<(), DbErr> {
    let upsert = "INSERT INTO tenant_states (tenant, suspended, time_zone, clock_now, clock_seed, clock_run) \
                  VALUES ($1, false, 'UTC', $2, $3, $4) ON CONFLICT (tenant) DO UPDATE SET \
                  clock_now = excluded.clock_now, clock_seed = excluded.clock_seed, clock_run = excluded.clock_run";
    let values = vec![tenant.as_str().into(), now.into(), seed.to_vec().into(), run.map(str::to_owned).into()];
    sql::exec(conn, upsert, values).await.map(|_| ())
}

/// Takes the time of a round of a run; false where it comes late: the run has ended here, or the clock
/// stands further on already. A driver that was thought dead then changes nothing.
///
/// # Errors
/// The database's.
pub async fn take_round<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    (now, seed): (DateTime<Utc>, &[u8]),
    (run, advancing): (&str, bool),
) -> Result<bool, DbErr> {
    let upsert = "INSERT INTO tenant_states (tenant, suspended, time_zone, clock_now, clock_seed, clock_run, clock_done) \
                  VALUES ($1, false, 'UTC', $2, $3, $4, $5) ON CONFLICT (tenant) DO UPDATE SET clock_now = excluded.clock_now, \
                  clock_seed = excluded.clock_seed, clock_run = excluded.clock_run, \
                  clock_done = CASE WHEN excluded.clock_done = '' THEN tenant_states.clock_done ELSE excluded.clock_done END \
                  WHERE tenant_states.clock_done <> $6 AND (tenant_states.clock_now IS NULL OR tenant_states.clock_now <= excluded.clock_now)";
    let (open, done) = if advancing { (Some(run.to_owned()), "") } else { (None, run) };
    let values = vec![tenant.as_str().into(), now.into(), seed.to_vec().into(), open.into(), done.into(), run.into()];
    Ok(sql::exec(conn, upsert, values).await? == 1)
}

/// The slugs of tenants after `after`, in order, for the operator.
///
/// # Errors
/// The database's.
pub async fn list(db: &crate::db::Db, after: &str, limit: u64) -> Result<Vec<String>, AppError> {
    let select = "SELECT tenant FROM tenant_states WHERE tenant > $1 ORDER BY tenant LIMIT $2";
    let rows = sql::all(db.system(), select, vec![after.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()]).await?;
    Ok(rows.iter().map(|row| row.try_get("", "tenant")).collect::<Result<_, _>>()?)
}
