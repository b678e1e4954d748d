//! Up to which version a service knows aggregates: its own, and those of others whose events it
//! applies. The operator compares the two.

use crate::{
    db::{Db, sql},
    wire::{
        error::AppError,
        page::{Page, PageSigner},
    },
};
use payterms_kernel::TenantId;
use payterms_proto::common::v1::{AggregateVersion, ListAggregateVersionsResponse};
use sea_orm::QueryResult;

/// How far the versions of aggregates rise when they are published again after a restore: more than
/// any aggregate changes between a backup and what was lost, and few enough that no number ends.
pub(crate) const RESTORED: i64 = 1 << 32;

/// A page of a tenant's aggregates of one type, of the service itself or of another one.
pub(crate) async fn list(
    db: &Db,
    pages: &PageSigner,
    page: &Page,
    tenant: &TenantId,
    source: &str,
    aggregate: &str,
) -> Result<ListAggregateVersionsResponse, AppError> {
    let after = pages.read(&page.list, &page.token)?.unwrap_or_default();
    let limit = i64::try_from(page.reads()).unwrap_or(i64::MAX);
    let mut values = vec![tenant.as_str().into(), aggregate.into(), after.into(), limit.into()];
    let (table, of_source) = if source == db.service() {
        ("aggregate_heads", "")
    } else {
        values.push(source.into());
        ("inbox_heads", " AND source = $5")
    };
    let select = format!(
        "SELECT aggregate_id, version FROM {table} WHERE tenant = $1 AND aggregate_type = $2 AND aggregate_id > $3{of_source} \
         ORDER BY aggregate_id LIMIT $4"
    );
    let rows = sql::all(&db.read(tenant).await?, &select, values).await?;
    let version = |row: &QueryResult| {
        Ok::<_, AppError>(AggregateVersion {
            aggregate_id: row.try_get("", "aggregate_id")?,
            version: row.try_get("", "version")?,
        })
    };
    let mut aggregate_versions = rows.iter().map(version).collect::<Result<Vec<_>, _>>()?;
    let next_page_token = pages.cut(page, &mut aggregate_versions, |aggregate_version| {
        aggregate_version.aggregate_id.clone()
    });
    Ok(ListAggregateVersionsResponse { aggregate_versions, next_page_token })
}
