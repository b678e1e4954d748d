//! Table `bank_file_parts`: attachments, sealed, in parts of which one at a time is in memory. Rows never change.

use payterms_chassis::{AppError, sql};
use payterms_credit_domain::Application;
use payterms_kernel::{Id, TenantId};
use sea_orm::ConnectionTrait;

/// Inserts a part, counted from 0.
pub async fn insert<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    (id, sha256, number): (Id<Application>, &str, i64),
    sealed: Vec<u8>,
) -> Result<(), AppError> {
    let insert = "INSERT INTO bank_file_parts (tenant, application_id, sha256, number, sealed) VALUES ($1, $2, $3, $4, $5)";
    sql::exec(conn, insert, vec![tenant.as_str().into(), id.uuid().into(), sha256.into(), number.into(), sealed.into()]).await?;
    Ok(())
}

/// A part of a file.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    (id, sha256, number): (Id<Application>, &str, i64),
) -> Result<Option<Vec<u8>>, AppError> {
    let select = "SELECT sealed FROM bank_file_parts WHERE tenant = $1 AND application_id = $2 AND sha256 = $3 AND number = $4";
    let row = sql::one(conn, select, vec![tenant.as_str().into(), id.uuid().into(), sha256.into(), number.into()]).await?;
    Ok(row.map(|row| row.try_get("", "sealed")).transpose()?)
}
