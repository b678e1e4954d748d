//! Table `bank_links`.

use payterms_chassis::{AppError, columns::unknown, sql};
use payterms_credit_domain::{Application, BankLink, LinkState};
use payterms_kernel::{Id, TenantId};
use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

const COLUMNS: &str =
    "id, application_id, state, page, url, institution, token, expires_at, created_at";

fn link(row: &QueryResult) -> Result<BankLink, AppError> {
    let state: String = row.try_get("", "state")?;
    Ok(BankLink {
        id: Id::from_uuid(row.try_get("", "id")?),
        application: Id::from_uuid(row.try_get("", "application_id")?),
        state: LinkState::named(&state).ok_or_else(|| unknown("link state", &state))?,
        page: row.try_get("", "page")?,
        url: row.try_get("", "url")?,
        institution: row.try_get("", "institution")?,
        token: row.try_get("", "token")?,
        expires_at: row.try_get("", "expires_at")?,
        created_at: row.try_get("", "created_at")?,
    })
}

/// The links of an application, oldest first.
pub async fn of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    application: Id<Application>,
) -> Result<Vec<BankLink>, AppError> {
    let select = format!(
        "SELECT {COLUMNS} FROM bank_links WHERE tenant = $1 AND application_id = $2 ORDER BY created_at, id"
    );
    let rows =
        sql::all(conn, &select, vec![tenant.as_str().into(), application.uuid().into()]).await?;
    rows.iter().map(link).collect()
}

/// One link.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<BankLink>,
) -> Result<Option<BankLink>, AppError> {
    let select = format!("SELECT {COLUMNS} FROM bank_links WHERE tenant = $1 AND id = $2");
    sql::one(conn, &select, vec![tenant.as_str().into(), id.uuid().into()])
        .await?
        .as_ref()
        .map(link)
        .transpose()
}

/// Inserts a link or saves its changes; its application is locked.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    bank_link: &BankLink,
) -> Result<(), AppError> {
    let upsert = format!(
        "INSERT INTO bank_links (tenant, {COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (tenant, id) \
         DO UPDATE SET state = excluded.state, institution = excluded.institution, token = excluded.token"
    );
    let values = vec![
        tenant.as_str().into(),
        bank_link.id.uuid().into(),
        bank_link.application.uuid().into(),
        bank_link.state.name().into(),
        bank_link.page.clone().into(),
        bank_link.url.clone().into(),
        bank_link.institution.clone().into(),
        bank_link.token.clone().into(),
        bank_link.expires_at.into(),
        bank_link.created_at.into(),
    ];
    sql::exec(conn, &upsert, values).await?;
    Ok(())
}

/// The next links of a tenant after an id that hold something sealed, with it.
pub async fn list_tokens<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    after: Uuid,
    limit: i64,
) -> Result<Vec<(Uuid, Vec<u8>)>, AppError> {
    let select = "SELECT id, token FROM bank_links WHERE tenant = $1 AND id > $2 AND length(token) > 0 ORDER BY id LIMIT $3";
    let rows =
        sql::all(conn, select, vec![tenant.as_str().into(), after.into(), limit.into()]).await?;
    rows.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "token")?))).collect()
}

/// Replaces what a link holds by the same under another seal, unless it has changed.
pub async fn replace_token<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<BankLink>,
    before: &[u8],
    token: Vec<u8>,
) -> Result<(), AppError> {
    let update = "UPDATE bank_links SET token = $4 WHERE tenant = $1 AND id = $2 AND token = $3";
    sql::exec(
        conn,
        update,
        vec![tenant.as_str().into(), id.uuid().into(), before.to_vec().into(), token.into()],
    )
    .await?;
    Ok(())
}
