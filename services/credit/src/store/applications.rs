//! Tables `applications`, `bank_files` and `decisions`.

use super::policies::{json, of_json};
use crate::statements::CsvMapping;
use payterms_chassis::{
    AppError,
    columns::{money, unknown},
    sql,
};
use payterms_credit_domain::{Advice, Application, ApplicationState, Customer, Decided, Features, decision::Reason, programme::Programme};
use payterms_kernel::{Currency, Id, TenantId};
use sea_orm::{ActiveValue::Set, Iterable, QueryOrder, QueryResult, QuerySelect, entity::prelude::*, sea_query::OnConflict};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "applications")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    customer_id: Uuid,
    programme_id: Uuid,
    applicant: String,
    state: String,
    open: bool,
    files: i64,
    decisions: i64,
    reviewer: String,
    currency: String,
    granted: Option<i64>,
    reasons: String,
    explanation: String,
    line_id: Option<Uuid>,
    reapply_at: Option<ChronoDateTimeUtc>,
    expires_at: Option<ChronoDateTimeUtc>,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn application(row: &Model) -> Result<Application, AppError> {
    let state = ApplicationState::ALL.into_iter().find(|state| state.name() == row.state);
    Ok(Application {
        id: Id::from_uuid(row.id),
        customer: Id::from_uuid(row.customer_id),
        programme: Id::from_uuid(row.programme_id),
        applicant: row.applicant.clone(),
        state: state.ok_or_else(|| unknown("application state", &row.state))?,
        files: usize::try_from(row.files).unwrap_or_default(),
        decisions: row.decisions,
        reviewer: row.reviewer.clone(),
        limit: row.granted.map(|micros| money(&row.currency, micros)).transpose()?,
        reasons: of_json::<Vec<Reason>>(&row.reasons)?,
        explanation: row.explanation.clone(),
        line: row.line_id,
        reapply_at: row.reapply_at,
        expires_at: row.expires_at,
        asked_for_more: false,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One application.
///
/// # Errors
/// The database's.
pub async fn find<C: ConnectionTrait>(conn: &C, tenant: &TenantId, id: Id<Application>) -> Result<Option<Application>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.as_ref().map(application).transpose()
}

/// One application, its row locked.
///
/// # Errors
/// The database's.
pub async fn lock<C: ConnectionTrait>(conn: &C, tenant: &TenantId, id: Id<Application>) -> Result<Option<Application>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).lock_exclusive().one(conn).await?.as_ref().map(application).transpose()
}

/// Applications below an id, newest first: of a customer or of all, in one of these states or in any.
///
/// # Errors
/// The database's.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    (customer, states, before): (Option<Id<Customer>>, &[ApplicationState], Uuid),
    limit: u64,
) -> Result<Vec<Application>, AppError> {
    let mut query = Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.lt(before));
    if let Some(customer) = customer {
        query = query.filter(Column::CustomerId.eq(customer.uuid()));
    }
    if !states.is_empty() {
        query = query.filter(Column::State.is_in(states.iter().map(|state| state.name())));
    }
    query.order_by_desc(Column::Id).limit(limit).all(conn).await?.iter().map(application).collect()
}

/// The open applications of a customer, by currency, and until when a cool-down of a programme runs.
///
/// # Errors
/// The database's.
pub async fn standing<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
) -> Result<(Vec<(Id<Application>, String)>, Vec<(Id<Programme>, ChronoDateTimeUtc)>), AppError> {
    let select = "SELECT id, currency FROM applications WHERE tenant = $1 AND customer_id = $2 AND open";
    let values = || vec![tenant.as_str().into(), customer.uuid().into()];
    let rows = sql::all(conn, select, values()).await?;
    let open = rows.iter().map(|row| Ok((Id::from_uuid(row.try_get("", "id")?), row.try_get("", "currency")?)));
    let open = open.collect::<Result<Vec<_>, DbErr>>()?;
    let select = "SELECT programme_id, max(reapply_at) AS until FROM applications WHERE tenant = $1 AND customer_id = $2 \
                  AND reapply_at IS NOT NULL GROUP BY programme_id";
    let rows = sql::all(conn, select, values()).await?;
    let until = |row: &QueryResult| Ok((Id::from_uuid(row.try_get("", "programme_id")?), row.try_get("", "until")?));
    Ok((open, rows.iter().map(until).collect::<Result<Vec<_>, DbErr>>()?))
}

/// Inserts an application or saves its changes.
///
/// # Errors
/// The database's.
pub async fn save<C: ConnectionTrait>(conn: &C, tenant: &TenantId, own: &Application, currency: Currency) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(own.id.uuid()),
        customer_id: Set(own.customer.uuid()),
        programme_id: Set(own.programme.uuid()),
        applicant: Set(own.applicant.clone()),
        state: Set(own.state.name().to_owned()),
        open: Set(own.state.is_open()),
        files: Set(i64::try_from(own.files).unwrap_or(i64::MAX)),
        decisions: Set(own.decisions),
        reviewer: Set(own.reviewer.clone()),
        currency: Set(currency.code().to_owned()),
        granted: Set(own.limit.map(payterms_kernel::Money::micros)),
        reasons: Set(json(&own.reasons)?),
        explanation: Set(own.explanation.clone()),
        line_id: Set(own.line),
        reapply_at: Set(own.reapply_at),
        expires_at: Set(own.expires_at),
        version: Set(own.version),
        created_at: Set(own.created_at),
        updated_at: Set(own.updated_at),
    };
    let changing = Column::iter().filter(|column| !matches!(column, Column::Tenant | Column::Id | Column::CustomerId | Column::Currency));
    let upsert = OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}

/// An uploaded file, or what was read from linked accounts.
#[derive(Debug, Clone)]
pub struct BankFile {
    /// SHA-256 of the original, in hexadecimal.
    pub sha256: String,
    /// What it is called.
    pub title: String,
    /// The original; empty where it is not asked for.
    pub content: Vec<u8>,
    /// How it is read; none: CAMT.053.
    pub mapping: Option<CsvMapping>,
    /// Whether it was read from a linked account.
    pub linked: bool,
    /// Accounts that it tells of.
    pub accounts: i64,
    /// Bookings that it tells of.
    pub bookings: i64,
    /// When it was uploaded.
    pub at: ChronoDateTimeUtc,
}

/// Keeps a file; false where it is there already.
///
/// # Errors
/// The database's.
pub async fn keep<C: ConnectionTrait>(conn: &C, tenant: &TenantId, id: Id<Application>, file: &BankFile) -> Result<bool, AppError> {
    let insert = "INSERT INTO bank_files (tenant, application_id, sha256, title, content, mapping, linked, accounts, bookings, at) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
    let values = vec![
        tenant.as_str().into(),
        id.uuid().into(),
        file.sha256.clone().into(),
        file.title.clone().into(),
        file.content.clone().into(),
        file.mapping.as_ref().map(json).transpose()?.unwrap_or_default().into(),
        file.linked.into(),
        file.accounts.into(),
        file.bookings.into(),
        file.at.into(),
    ];
    Ok(sql::exec(conn, insert, values).await? == 1)
}

/// The files of applications, oldest first; with their originals where that is asked.
///
/// # Errors
/// The database's.
pub async fn files<C: ConnectionTrait>(conn: &C, tenant: &TenantId, id: Id<Application>, whole: bool) -> Result<Vec<BankFile>, AppError> {
    let content = if whole { ", content" } else { "" };
    let select = format!(
        "SELECT sha256, title, mapping, linked, accounts, bookings, at{content} FROM bank_files WHERE tenant = $1 AND application_id = $2 ORDER BY at, sha256"
    );
    let rows = sql::all(conn, &select, vec![tenant.as_str().into(), id.uuid().into()]).await?;
    let file = |row: &QueryResult| {
        let mapping: String = row.try_get("", "mapping")?;
        Ok(BankFile {
            sha256: row.try_get("", "sha256")?,
            title: row.try_get("", "title")?,
            content: if whole { row.try_get("", "content")? } else { Vec::new() },
            mapping: (!mapping.is_empty()).then(|| of_json(&mapping)).transpose()?,
            linked: row.try_get("", "linked")?,
            accounts: row.try_get("", "accounts")?,
            bookings: row.try_get("", "bookings")?,
            at: row.try_get("", "at")?,
        })
    };
    rows.iter().map(file).collect()
}

/// Keeps what the policy came to, for ever.
///
/// # Errors
/// The database's.
pub async fn advise<C: ConnectionTrait>(conn: &C, tenant: &TenantId, own: &Application, advice: &Advice) -> Result<(), AppError> {
    let insert = "INSERT INTO decisions (tenant, application_id, number, policy_id, features, currency, cap, decided, at, coverage) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let values = vec![
        tenant.as_str().into(),
        own.id.uuid().into(),
        own.decisions.into(),
        advice.policy.uuid().into(),
        json(&advice.features)?.into(),
        advice.cap.currency().code().into(),
        advice.cap.micros().into(),
        json(&advice.decided)?.into(),
        advice.at.into(),
        json(&advice.coverage)?.into(),
    ];
    sql::exec(conn, insert, values).await?;
    Ok(())
}

fn advice(row: &QueryResult) -> Result<Advice, AppError> {
    let (features, decided): (String, String) = (row.try_get("", "features")?, row.try_get("", "decided")?);
    let (code, coverage): (String, String) = (row.try_get("", "currency")?, row.try_get("", "coverage")?);
    Ok(Advice {
        policy: Id::from_uuid(row.try_get("", "policy_id")?),
        features: of_json::<Features>(&features)?,
        cap: money(&code, row.try_get("", "cap")?)?,
        coverage: of_json(&coverage)?,
        decided: of_json::<Decided>(&decided)?,
        at: row.try_get("", "at")?,
    })
}

/// What the policy came to last for an application.
///
/// # Errors
/// The database's.
pub async fn advised<C: ConnectionTrait>(conn: &C, tenant: &TenantId, id: Id<Application>) -> Result<Option<Advice>, AppError> {
    let select = "SELECT policy_id, features, currency, cap, decided, coverage, at FROM decisions WHERE tenant = $1 AND application_id = $2 \
                  ORDER BY number DESC LIMIT 1";
    sql::one(conn, select, vec![tenant.as_str().into(), id.uuid().into()]).await?.as_ref().map(advice).transpose()
}

/// The newest decisions in a currency, with their applications and customers.
///
/// # Errors
/// The database's.
pub async fn newest<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    currency: Currency,
    limit: i64,
) -> Result<Vec<(Id<Application>, Id<Customer>, Advice)>, AppError> {
    let select = "SELECT d.application_id, a.customer_id, d.policy_id, d.features, d.currency, d.cap, d.decided, d.coverage, d.at FROM decisions d \
                  JOIN applications a ON a.tenant = d.tenant AND a.id = d.application_id WHERE d.tenant = $1 AND d.currency = $2 \
                  ORDER BY d.at DESC, d.application_id LIMIT $3";
    let rows = sql::all(conn, select, vec![tenant.as_str().into(), currency.code().into(), limit.into()]).await?;
    let one = |row: &QueryResult| {
        Ok((Id::from_uuid(row.try_get("", "application_id")?), Id::from_uuid(row.try_get("", "customer_id")?), advice(row)?))
    };
    rows.iter().map(one).collect()
}
