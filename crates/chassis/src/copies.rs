//! Read your own write across services: a call that names the version which an earlier write
//! made waits until the copy here has it.

use crate::{
    db::Db,
    error::{AppError, not_yet},
    sql,
};
use payterms_kernel::TenantId;
use std::time::Duration;

/// How long a call waits for a copy.
const PATIENCE: Duration = Duration::from_secs(2);

/// Waits for each `type/id@n` of the list that this service keeps a copy of.
///
/// # Errors
/// `COPY_BEHIND` if it takes too long; an item that cannot be read is passed over.
pub async fn wait(db: &Db, tenant: &TenantId, named: &str) -> Result<(), AppError> {
    let topology = crate::topology::load().map_err(AppError::Fault)?;
    let heard = topology.get(db.service()).map(|relations| &relations.hears);
    for item in named.split(',').take(20) {
        let Some((kind, id, version)) = parse(item) else { continue };
        if heard.is_some_and(|heard| heard.values().flatten().any(|heard| heard == kind)) {
            wait_for(db, tenant, kind, id, version).await?;
        }
    }
    Ok(())
}

fn parse(item: &str) -> Option<(&str, &str, i64)> {
    let (aggregate, version) = item.trim().rsplit_once('@')?;
    let (kind, id) = aggregate.split_once('/')?;
    Some((kind, id, version.parse().ok()?))
}

async fn wait_for(db: &Db, tenant: &TenantId, kind: &str, id: &str, version: i64) -> Result<(), AppError> {
    let until = tokio::time::Instant::now() + PATIENCE;
    let select = "SELECT max(version) AS version FROM inbox_heads WHERE tenant = $1 AND aggregate_type = $2 AND aggregate_id = $3";
    loop {
        let row = sql::one(db.system(), select, vec![tenant.as_str().into(), kind.into(), id.into()]).await?;
        let here: Option<i64> = row.map(|row| row.try_get("", "version")).transpose()?.flatten();
        if here >= Some(version) {
            return Ok(());
        }
        if tokio::time::Instant::now() >= until {
            return Err(not_yet("COPY_BEHIND", &format!("The copy of {kind}/{id} is not at version {version} yet. Retry.")));
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}
