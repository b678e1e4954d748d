//! Table `expiry_notices`: which notices of its expiry a lot has had; rows never change.

use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError,
    rows::{self, Kind, Rows},
    sql,
};
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{
    Lot,
    expiry_notice::{LatestNotices, Notice},
};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

const COLUMNS: [rows::Column; 4] = [
    ("tenant", Kind::Tenant),
    ("lot_id", Kind::Id),
    ("days_before", Kind::Number),
    ("told_at", Kind::Time),
];

/// The latest notices that these lots have had.
pub async fn of_lots<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    lots: &[Lot],
) -> Result<LatestNotices, AppError> {
    if lots.is_empty() {
        return Ok(LatestNotices::new());
    }
    let ids: Vec<_> = lots.iter().map(|lot| lot.id.uuid()).collect();
    let (among, ids) = rows::among(conn, "lot_id", 2, &ids);
    let select = format!(
        "SELECT lot_id, MIN(days_before) AS days_before FROM expiry_notices WHERE tenant = $1 AND {among} GROUP BY lot_id"
    );
    let values = std::iter::once(tenant.as_str().into()).chain(ids).collect();
    let mut notices = LatestNotices::new();
    for row in sql::all(conn, &select, values).await? {
        let (lot, days): (Uuid, i64) =
            (row.try_get("", "lot_id")?, row.try_get("", "days_before")?);
        let notice = Notice::ALL.into_iter().find(|notice| i64::from(notice.days_before()) == days);
        notices.insert(
            Id::from_uuid(lot),
            notice.ok_or_else(|| AppError::Fault(format!("a notice {days} days before")))?,
        );
    }
    Ok(notices)
}

/// Notes that the customer is told.
pub async fn insert<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    pairs: &[(&Lot, Notice)],
    now: DateTime<Utc>,
) -> Result<(), AppError> {
    let mut rows = Rows::new(COLUMNS);
    for (lot, notice) in pairs {
        rows.push([
            tenant.as_str().into(),
            lot.id.uuid().into(),
            i64::from(notice.days_before()).into(),
            now.into(),
        ]);
    }
    rows.insert(conn, "expiry_notices", "").await?;
    Ok(())
}
