//! Table `bank_files`: what was uploaded for an application, and what was read from linked
//! accounts.

use super::json::{of_json, to_json};
use crate::commands::bank_files::{BankFile, Reading};
use payterms_bank_files::Preset;
use payterms_chassis::{AppError, sql};
use payterms_credit_domain::{Application, FileKind};
use payterms_kernel::{Id, TenantId};
use sea_orm::{ConnectionTrait, QueryResult};

/// Inserts a file; false where it is there already.
pub async fn insert<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Application>,
    file: &BankFile,
) -> Result<bool, AppError> {
    let insert = "INSERT INTO bank_files (tenant, application_id, sha256, title, content, mapping, linked, accounts, bookings, at, \
                  format, preset, findings, finding_count, attachment, size) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING";
    let values = vec![
        tenant.as_str().into(),
        id.uuid().into(),
        file.sha256.clone().into(),
        file.title.clone().into(),
        file.content.clone().into(),
        file.reading.mapping.as_ref().map(to_json).transpose()?.unwrap_or_default().into(),
        file.linked.into(),
        file.accounts.into(),
        file.bookings.into(),
        file.at.into(),
        file.format.clone().into(),
        file.reading.preset.map(Preset::name).unwrap_or_default().into(),
        to_json(&file.findings)?.into(),
        file.finding_count.into(),
        (file.kind == FileKind::Attachment).into(),
        file.size.into(),
    ];
    Ok(sql::exec(conn, insert, values).await? == 1)
}

/// What every finder reads. The length of bytes is known without reading them; files from before
/// sizes were stored have no other.
const COLUMNS: &str = "sha256, title, mapping, linked, accounts, bookings, at, format, preset, findings, finding_count, attachment, \
                       CASE WHEN size > 0 THEN size ELSE length(content) END AS size";

fn bank_file(row: &QueryResult, whole: bool) -> Result<BankFile, AppError> {
    let (mapping, findings): (String, String) =
        (row.try_get("", "mapping")?, row.try_get("", "findings")?);
    let (preset, attachment): (String, bool) =
        (row.try_get("", "preset")?, row.try_get("", "attachment")?);
    let mapping = (!mapping.is_empty()).then(|| of_json(&mapping, "a mapping")).transpose()?;
    Ok(BankFile {
        sha256: row.try_get("", "sha256")?,
        title: row.try_get("", "title")?,
        kind: if attachment { FileKind::Attachment } else { FileKind::Statement },
        size: row.try_get("", "size")?,
        content: if whole { row.try_get("", "content")? } else { Vec::new() },
        reading: Reading { mapping, preset: Preset::named(&preset) },
        format: row.try_get("", "format")?,
        findings: of_json(&findings, "findings")?,
        finding_count: row.try_get("", "finding_count")?,
        linked: row.try_get("", "linked")?,
        accounts: row.try_get("", "accounts")?,
        bookings: row.try_get("", "bookings")?,
        at: row.try_get("", "at")?,
    })
}

/// The files of an application, oldest first; with their originals where `whole`, those of
/// attachments excepted.
pub async fn of_application<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Application>,
    whole: bool,
) -> Result<Vec<BankFile>, AppError> {
    let content = if whole { ", content" } else { "" };
    let select = format!(
        "SELECT {COLUMNS}{content} FROM bank_files WHERE tenant = $1 AND application_id = $2 ORDER BY at, sha256"
    );
    let rows = sql::all(conn, &select, vec![tenant.as_str().into(), id.uuid().into()]).await?;
    rows.iter().map(|row| bank_file(row, whole)).collect()
}

/// A file that was uploaded, with its original, which of an attachment is in its parts.
pub async fn find_uploaded<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Application>,
    sha256: &str,
) -> Result<Option<BankFile>, AppError> {
    let select = format!(
        "SELECT {COLUMNS}, content FROM bank_files WHERE tenant = $1 AND application_id = $2 AND sha256 = $3 AND NOT linked"
    );
    let row =
        sql::one(conn, &select, vec![tenant.as_str().into(), id.uuid().into(), sha256.into()])
            .await?;
    row.as_ref().map(|row| bank_file(row, true)).transpose()
}
