//! Table `bank_file_parts`: attachments, sealed, in parts of which one at a time is in memory. Rows
//! change only when they are sealed with another key.

use payterms_chassis::{AppError, seal, sql};
use payterms_credit_domain::Application;
use payterms_kernel::{Id, TenantId};
use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

/// One part of one file.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The application that the file is attached to.
    pub application: Id<Application>,
    /// The file's SHA-256.
    pub sha256: &'a str,
    /// Its number, counted from 0.
    pub number: i64,
}

/// Inserts a part.
pub async fn insert<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    part: Part<'_>,
    sealed: Vec<u8>,
) -> Result<(), AppError> {
    let insert = "INSERT INTO bank_file_parts (tenant, application_id, sha256, number, sealed) VALUES ($1, $2, $3, $4, $5)";
    sql::exec(
        conn,
        insert,
        vec![
            tenant.as_str().into(),
            part.application.uuid().into(),
            part.sha256.into(),
            part.number.into(),
            sealed.into(),
        ],
    )
    .await?;
    Ok(())
}

/// A part of a file.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    part: Part<'_>,
) -> Result<Option<Vec<u8>>, AppError> {
    let select = "SELECT sealed FROM bank_file_parts WHERE tenant = $1 AND application_id = $2 AND sha256 = $3 AND number = $4";
    let row = sql::one(
        conn,
        select,
        vec![
            tenant.as_str().into(),
            part.application.uuid().into(),
            part.sha256.into(),
            part.number.into(),
        ],
    )
    .await?;
    Ok(row.map(|row| row.try_get("", "sealed")).transpose()?)
}

/// The next parts of a tenant after one, with what says their keys.
pub async fn list_heads<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    application: Uuid,
    sha256: &str,
    number: i64,
    limit: i64,
) -> Result<Vec<(Uuid, String, i64, Vec<u8>)>, AppError> {
    let select = format!(
        "SELECT application_id, sha256, number, substr(sealed, 1, {}) AS head FROM bank_file_parts \
         WHERE tenant = $1 AND (application_id, sha256, number) > ($2, $3, $4) ORDER BY application_id, sha256, number LIMIT $5",
        seal::HEAD
    );
    let values = vec![
        tenant.as_str().into(),
        application.into(),
        sha256.into(),
        number.into(),
        limit.into(),
    ];
    let part = |row: &QueryResult| {
        Ok((
            row.try_get("", "application_id")?,
            row.try_get("", "sha256")?,
            row.try_get("", "number")?,
            row.try_get("", "head")?,
        ))
    };
    sql::all(conn, &select, values).await?.iter().map(part).collect()
}

/// Replaces a part by the same one under another seal.
pub async fn replace<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    part: Part<'_>,
    sealed: Vec<u8>,
) -> Result<(), AppError> {
    let update = "UPDATE bank_file_parts SET sealed = $5 WHERE tenant = $1 AND application_id = $2 AND sha256 = $3 AND number = $4";
    sql::exec(
        conn,
        update,
        vec![
            tenant.as_str().into(),
            part.application.uuid().into(),
            part.sha256.into(),
            part.number.into(),
            sealed.into(),
        ],
    )
    .await?;
    Ok(())
}
