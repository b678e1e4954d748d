//! Table `webhook_endpoints`.

use super::unknown;
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::DateTime;
use payterms_chassis::AppError;
use payterms_invoicing_domain::{
    WebhookEndpoint,
    webhook_endpoint::{EndpointFields, EndpointState, HeldSecret, MOST_ENDPOINTS},
};
use payterms_kernel::{Id, TenantId};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_endpoints")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    url: String,
    types: String,
    description: String,
    state: String,
    generation: i64,
    secrets: String,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Secrets as a column: the instant of expiry in microseconds or `-`, base64, and the request that
/// made it, with colons; apart by blanks.
fn secrets_text(secrets: &[HeldSecret]) -> String {
    let word = |held_secret: &HeldSecret| {
        let until = held_secret
            .expires_at
            .map_or_else(|| "-".to_owned(), |until| until.timestamp_micros().to_string());
        format!("{until}:{}:{}", STANDARD.encode(&held_secret.sealed), held_secret.made_by)
    };
    secrets.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn secret(word: &str) -> Result<HeldSecret, AppError> {
    // Not in the error: it is a secret, though sealed.
    let wrong = || unknown("secret", "of a webhook endpoint");
    let (until, rest) = word.split_once(':').ok_or_else(wrong)?;
    // One from before this was noted is shown by no answer again.
    let (sealed, made_by) = rest.split_once(':').unwrap_or((rest, ""));
    let made_by = made_by.parse().unwrap_or_default();
    let expires_at = match until {
        "-" => None,
        micros => {
            Some(micros.parse().ok().and_then(DateTime::from_timestamp_micros).ok_or_else(wrong)?)
        }
    };
    Ok(HeldSecret { sealed: STANDARD.decode(sealed).map_err(|_| wrong())?, made_by, expires_at })
}

fn endpoint(row: Model) -> Result<WebhookEndpoint, AppError> {
    let state = EndpointState::ALL.into_iter().find(|state| state.name() == row.state);
    Ok(WebhookEndpoint {
        id: Id::from_uuid(row.id),
        fields: EndpointFields {
            url: row.url,
            types: row.types.split_whitespace().map(str::to_owned).collect(),
            description: row.description,
        },
        state: state.ok_or_else(|| unknown("endpoint state", &row.state))?,
        generation: row.generation,
        secrets: row.secrets.split_whitespace().map(secret).collect::<Result<_, _>>()?,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One endpoint.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<WebhookEndpoint>,
) -> Result<Option<WebhookEndpoint>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(endpoint).transpose()
}

/// One endpoint, locked.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<WebhookEndpoint>,
) -> Result<Option<WebhookEndpoint>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid()))
        .lock_exclusive()
        .one(conn)
        .await?
        .map(endpoint)
        .transpose()
}

/// How many endpoints a tenant has; not more than there can be.
pub async fn count<C: ConnectionTrait>(conn: &C, tenant: &TenantId) -> Result<usize, AppError> {
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).limit(MOST_ENDPOINTS as u64);
    Ok(query.all(conn).await?.len())
}

/// Endpoints after an id, oldest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    after: Uuid,
    limit: u64,
) -> Result<Vec<WebhookEndpoint>, AppError> {
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.gt(after));
    query.order_by_asc(Column::Id).limit(limit).all(conn).await?.into_iter().map(endpoint).collect()
}

/// Inserts or saves an endpoint.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    webhook_endpoint: &WebhookEndpoint,
) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(webhook_endpoint.id.uuid()),
        url: Set(webhook_endpoint.fields.url.clone()),
        types: Set(webhook_endpoint.fields.types.join(" ")),
        description: Set(webhook_endpoint.fields.description.clone()),
        state: Set(webhook_endpoint.state.name().to_owned()),
        generation: Set(webhook_endpoint.generation),
        secrets: Set(secrets_text(&webhook_endpoint.secrets)),
        version: Set(webhook_endpoint.version),
        created_at: Set(webhook_endpoint.created_at),
        updated_at: Set(webhook_endpoint.updated_at),
    };
    let changing = [
        Column::Url,
        Column::Types,
        Column::Description,
        Column::State,
        Column::Generation,
        Column::Secrets,
        Column::Version,
        Column::UpdatedAt,
    ];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}

/// Removes an endpoint, with its secrets.
pub async fn delete<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<WebhookEndpoint>,
) -> Result<(), AppError> {
    Entity::delete_by_id((tenant.to_string(), id.uuid())).exec(conn).await?;
    Ok(())
}
