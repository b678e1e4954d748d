//! Table `webhook_targets`: the copies of endpoints, and how far each was served. In the service
//! that owns the register too: what is published and what is stored here are the same message.

use crate::{
    bus::{
        inbox::Consumers,
        sealed::{SealedRow, SealedTable},
        snapshots::States,
    },
    db::{WriteTx, sql, transaction::Transaction},
    seal::Seal,
    webhooks::signature::Secret,
    wire::{
        error::AppError,
        names,
        render::{instant_of, timestamp},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use payterms_kernel::TenantId;
use payterms_proto::common::{
    peers::v1::{WebhookFailed, WebhookTargetChanged, webhook_target_changed::SealedSecret},
    v1::Event,
};
use prost::Message;
use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use uuid::Uuid;

/// The type of the aggregate of an endpoint.
pub const ENDPOINT: &str = "webhook_endpoint";
/// The type of the aggregate of a service's failures at an endpoint.
pub const FAILURE: &str = "webhook_failure";
/// The collections of an endpoint's name.
const COLLECTIONS: &[&str] = &["webhookEndpoints"];

/// An endpoint as deliveries need it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub tenant: TenantId,
    pub endpoint: Uuid,
    pub url: String,
    pub types: Vec<String>,
    pub generation: i64,
    pub secrets: Vec<SealedSecret>,
    /// The position in the outbox up to which deliveries were made.
    pub position: i64,
    pub failing_since: Option<DateTime<Utc>>,
}

/// The columns of [`Target`].
const COLUMNS: &str =
    "tenant, endpoint_id, url, types, generation, secrets, position, failing_since";
/// Whether a target `t` is delivered to: it is enabled, and this service has not given it up.
pub(crate) const IS_SERVED: &str = "t.enabled AND t.reported < t.generation";

/// A list of secrets as bytes of a row.
fn packed(secrets: Vec<SealedSecret>) -> Vec<u8> {
    WebhookTargetChanged { secrets, ..WebhookTargetChanged::default() }.encode_to_vec()
}

impl Target {
    fn read(row: &QueryResult) -> Result<Self, AppError> {
        let (tenant, types): (String, String) =
            (row.try_get("", "tenant")?, row.try_get("", "types")?);
        let secrets: Vec<u8> = row.try_get("", "secrets")?;
        Ok(Self {
            tenant: tenant
                .parse()
                .map_err(|_| AppError::Fault(format!("a target of {tenant:?}")))?,
            endpoint: row.try_get("", "endpoint_id")?,
            url: row.try_get("", "url")?,
            types: types.split_whitespace().map(str::to_owned).collect(),
            generation: row.try_get("", "generation")?,
            secrets: WebhookTargetChanged::decode(secrets.as_slice())?.secrets,
            position: row.try_get("", "position")?,
            failing_since: row.try_get("", "failing_since")?,
        })
    }

    /// Its name.
    pub(crate) fn name(&self) -> String {
        name(&self.tenant, self.endpoint)
    }

    /// The secrets that sign now, the newest first.
    ///
    /// # Errors
    /// `Fault` if one does not open: it was sealed with another key.
    pub(crate) fn open(&self, seal: &Seal, now: DateTime<Utc>) -> Result<Vec<Secret>, AppError> {
        let now = timestamp(now);
        let signs = |secret: &&SealedSecret| {
            secret
                .expire_time
                .is_none_or(|until| (until.seconds, until.nanos) > (now.seconds, now.nanos))
        };
        let open = |secret: &SealedSecret| {
            let text = seal
                .open(self.endpoint, &secret.sealed)
                .map_err(|error| AppError::Fault(format!("a secret of webhooks: {error}")))?;
            Secret::parse(&text)
                .ok_or_else(|| AppError::Fault("a secret of webhooks is malformed".to_owned()))
        };
        self.secrets.iter().filter(signs).map(open).collect()
    }
}

/// The name of an endpoint.
#[must_use]
pub fn name(tenant: &TenantId, endpoint: Uuid) -> String {
    format!("tenants/{tenant}/webhookEndpoints/{endpoint}")
}

/// The id in the name of an endpoint of a tenant.
///
/// # Errors
/// `Fault` for another name.
pub fn id_of(tenant: &TenantId, endpoint: &str) -> Result<Uuid, AppError> {
    let name = names::parse(endpoint, COLLECTIONS).filter(|name| name.tenant == *tenant);
    name.map(|name| name.id(0)).ok_or_else(|| AppError::Fault(format!("an endpoint {endpoint:?}")))
}

/// The position before the first event that was recorded from $8 on, in real time. Positions are
/// given after the commit and so not in the order of the recorded times: the first is looked for
/// after all that was recorded before $9, when no transaction of that time was open any more. Where
/// there is none, the position up to which all is read: what is recorded later comes after it.
const START: &str = "coalesce((SELECT min(position) - 1 FROM outbox WHERE tenant = $1 AND recorded_at >= $8 AND position > \
                     coalesce((SELECT position FROM outbox WHERE tenant = $1 AND position IS NOT NULL AND recorded_at < $9 \
                     ORDER BY position DESC LIMIT 1), 0)), (SELECT position FROM outbox_cursors WHERE subscriber = ''), 0)";
/// Longer than any transaction is open.
const TRANSACTION: TimeDelta = TimeDelta::seconds(60);

/// Stores an endpoint as it is now. The register's owner calls it in the transaction that publishes
/// the change; the others when it arrives, which is later: a new endpoint begins with what was
/// recorded since it was made, and one with other types looks again at what was recorded since they
/// were chosen. Deliveries that were made already are not made again.
pub async fn store(tx: &WriteTx, changed: &WebhookTargetChanged) -> Result<(), AppError> {
    let tenant = &tx.call().tenant;
    let endpoint = id_of(tenant, &changed.endpoint)?;
    let key = || vec![tenant.as_str().into(), endpoint.into()];
    if changed.deleted {
        // Its deliveries go with all others that are old.
        for table in ["webhook_targets", "webhook_replays"] {
            sql::exec(
                tx.conn(),
                &format!("DELETE FROM {table} WHERE tenant = $1 AND endpoint_id = $2"),
                key(),
            )
            .await?;
        }
        return Ok(());
    }
    // What waited is due at once under a new generation.
    let hurry = "UPDATE webhook_deliveries SET due_at = $4 WHERE tenant = $1 AND endpoint_id = $2 AND state = 'PENDING' AND due_at > $4 \
                 AND EXISTS (SELECT 1 FROM webhook_targets WHERE tenant = $1 AND endpoint_id = $2 AND generation < $3)";
    let mut values = key();
    values.extend([changed.generation.into(), tx.time().real.into()]);
    sql::exec(tx.conn(), hurry, values).await?;
    let upsert = format!(
        "INSERT INTO webhook_targets (tenant, endpoint_id, url, types, enabled, generation, secrets, position) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, {START}) \
         ON CONFLICT (tenant, endpoint_id) DO UPDATE SET url = excluded.url, types = excluded.types, enabled = excluded.enabled, \
         failing_since = CASE WHEN webhook_targets.generation < excluded.generation THEN NULL ELSE webhook_targets.failing_since END, \
         generation = excluded.generation, secrets = excluded.secrets, \
         position = CASE WHEN webhook_targets.types <> excluded.types AND excluded.position < webhook_targets.position \
         THEN excluded.position ELSE webhook_targets.position END"
    );
    let decided = changed.decide_time.as_ref().and_then(instant_of);
    let mut values = key();
    values.extend([
        changed.url.as_str().into(),
        changed.types.join(" ").into(),
        changed.enabled.into(),
        changed.generation.into(),
        packed(changed.secrets.clone()).into(),
        decided.into(),
        decided.and_then(|time| time.checked_sub_signed(TRANSACTION)).into(),
    ]);
    sql::exec(tx.conn(), &upsert, values).await?;
    Ok(())
}

/// Adds the handler of the register's endpoints.
pub(crate) fn with_consumer(consumers: Consumers) -> Consumers {
    fn follow<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
        Box::pin(async move { store(tx, &WebhookTargetChanged::decode(event.data.clone())?).await })
    }
    consumers.with::<WebhookTargetChanged>(follow)
}

/// The sealed secrets of this table. Its rows are copies: what the register's owner seals again
/// arrives as a change of the endpoint.
pub(crate) fn sealed(seal: Option<Seal>) -> SealedTable {
    fn list<'a>(
        conn: &'a Transaction,
        tenant: &'a TenantId,
        after: &'a str,
        limit: i64,
    ) -> BoxFuture<'a, Result<Vec<SealedRow>, AppError>> {
        Box::pin(async move {
            let select = format!(
                "SELECT {COLUMNS} FROM webhook_targets WHERE tenant = $1 AND endpoint_id > $2 ORDER BY endpoint_id LIMIT $3"
            );
            let values = vec![
                tenant.as_str().into(),
                names::uuid(after).unwrap_or_default().into(),
                limit.into(),
            ];
            let row = |row: &QueryResult| {
                let target = Target::read(row)?;
                let values =
                    target.secrets.into_iter().map(|secret| secret.sealed.into()).collect();
                Ok(SealedRow { key: target.endpoint.to_string(), values })
            };
            sql::all(conn, &select, values).await?.iter().map(row).collect()
        })
    }
    SealedTable { name: "webhook_targets", seal, holds: "true", list, reseal: None }
}

/// The present state of endpoints, for the snapshots of the register's owner.
pub fn states<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let mut states = Vec::new();
        for id in ids {
            let Some(endpoint) = names::uuid(id) else { continue };
            let select = format!(
                "SELECT {COLUMNS}, enabled FROM webhook_targets WHERE tenant = $1 AND endpoint_id = $2"
            );
            let values = vec![tx.call().tenant.as_str().into(), endpoint.into()];
            let Some(row) = sql::one(tx.conn(), &select, values).await? else { continue };
            let target = Target::read(&row)?;
            let state = WebhookTargetChanged {
                endpoint: target.name(),
                enabled: row.try_get("", "enabled")?,
                url: target.url,
                types: target.types,
                generation: target.generation,
                secrets: target.secrets,
                deleted: false,
                decide_time: None,
            };
            states.push((id.clone(), state.encode_to_vec()));
        }
        Ok(states)
    })
}

/// The last failure that this service has reported of endpoints, for its snapshots.
pub(crate) fn failures<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let mut states = Vec::new();
        for id in ids {
            let Some(endpoint) = names::uuid(id) else { continue };
            let select = "SELECT failure FROM webhook_targets WHERE tenant = $1 AND endpoint_id = $2 AND failure IS NOT NULL";
            let values = vec![tx.call().tenant.as_str().into(), endpoint.into()];
            if let Some(row) = sql::one(tx.conn(), select, values).await? {
                states.push((id.clone(), row.try_get("", "failure")?));
            }
        }
        Ok(states)
    })
}

/// One target, if it is delivered to.
pub(crate) async fn find<C: ConnectionTrait>(
    conn: &C,
    key: (&str, Uuid),
    lock: &str,
) -> Result<Option<Target>, AppError> {
    let select = format!(
        "SELECT {COLUMNS} FROM webhook_targets t WHERE tenant = $1 AND endpoint_id = $2 AND {IS_SERVED}{lock}"
    );
    sql::one(conn, &select, vec![key.0.into(), key.1.into()])
        .await?
        .as_ref()
        .map(Target::read)
        .transpose()
}

/// Notes up to which position deliveries were made.
pub(crate) async fn advance<C: ConnectionTrait>(
    conn: &C,
    target: &Target,
    position: i64,
) -> Result<(), DbErr> {
    let update = "UPDATE webhook_targets SET position = $3 WHERE tenant = $1 AND endpoint_id = $2 AND position < $3";
    sql::exec(
        conn,
        update,
        vec![target.tenant.as_str().into(), target.endpoint.into(), position.into()],
    )
    .await
    .map(|_| ())
}

/// Notes whether the last attempt has failed; while one does, fewer are made at once.
pub(crate) async fn note_attempt<C: ConnectionTrait>(
    conn: &C,
    target: &Target,
    failed_at: Option<DateTime<Utc>>,
) -> Result<(), DbErr> {
    let condition =
        if failed_at.is_some() { "failing_since IS NULL" } else { "failing_since IS NOT NULL" };
    let update = format!(
        "UPDATE webhook_targets SET failing_since = $3 WHERE tenant = $1 AND endpoint_id = $2 AND {condition}"
    );
    sql::exec(
        conn,
        &update,
        vec![target.tenant.as_str().into(), target.endpoint.into(), failed_at.into()],
    )
    .await
    .map(|_| ())
}

/// Notes that this service gives the target up, until it is enabled again; false if it has done so
/// already.
pub(crate) async fn give_up<C: ConnectionTrait>(
    conn: &C,
    target: &Target,
    failure: &WebhookFailed,
) -> Result<bool, DbErr> {
    let update = "UPDATE webhook_targets SET reported = $3, failure = $4 \
                  WHERE tenant = $1 AND endpoint_id = $2 AND generation = $3 AND reported < $3";
    let values = vec![
        target.tenant.as_str().into(),
        target.endpoint.into(),
        target.generation.into(),
        failure.encode_to_vec().into(),
    ];
    Ok(sql::exec(conn, update, values).await? == 1)
}
