//! Tables `api_keys` and `api_key_secrets`. The second one is not under row-level security: a
//! secret is looked up by its hash before anybody knows whose it is.

use super::unknown;
use chrono::{DateTime, Utc};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{
    ApiKey,
    api_key::{Permission, Role, Secret},
};
use payterms_kernel::{Id, TenantId};
use sea_orm::{
    ActiveValue::Set, Condition, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};
use std::collections::HashMap;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    display_name: String,
    roles: String,
    methods: String,
    customer_id: Option<Uuid>,
    expires_at: Option<ChronoDateTimeUtc>,
    created_by: String,
    last_used_at: Option<ChronoDateTimeUtc>,
    revoked_at: Option<ChronoDateTimeUtc>,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Table `api_key_secrets`.
mod secrets {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "api_key_secrets")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub hash: Vec<u8>,
        pub tenant: String,
        pub key_id: Uuid,
        pub last_four: String,
        pub created_at: ChronoDateTimeUtc,
        pub ends_at: Option<ChronoDateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Whose a secret is.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The tenant.
    pub tenant: TenantId,
    /// The key.
    pub key: Id<ApiKey>,
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}

fn role(name: &str) -> Result<Role, AppError> {
    Role::named(name).ok_or_else(|| unknown("role", name))
}

fn secret(row: secrets::Model) -> Result<Secret, AppError> {
    let hash = row
        .hash
        .try_into()
        .map_err(|_| AppError::Fault("the hash of a secret has another length".to_owned()))?;
    Ok(Secret { hash, last_four: row.last_four, created_at: row.created_at, ends_at: row.ends_at })
}

async fn with_secrets<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    rows: Vec<Model>,
) -> Result<Vec<ApiKey>, AppError> {
    let found = secrets::Entity::find()
        .filter(secrets::Column::Tenant.eq(tenant.as_str()))
        .filter(secrets::Column::KeyId.is_in(rows.iter().map(|row| row.id)))
        .order_by_asc(secrets::Column::CreatedAt)
        .all(conn)
        .await?;
    let mut by_key: HashMap<Uuid, Vec<Secret>> = HashMap::new();
    for row in found {
        by_key.entry(row.key_id).or_default().push(secret(row)?);
    }
    let key = |row: Model| {
        Ok(ApiKey {
            id: Id::from_uuid(row.id),
            display_name: row.display_name,
            permission: Permission {
                roles: words(&row.roles).map(role).collect::<Result<_, _>>()?,
                methods: words(&row.methods).map(str::to_owned).collect(),
                customer: row.customer_id.map(Id::from_uuid),
            },
            expires_at: row.expires_at,
            secrets: by_key.remove(&row.id).unwrap_or_default(),
            created_by: row.created_by,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    };
    rows.into_iter().map(key).collect()
}

/// One key.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<ApiKey>,
) -> Result<Option<ApiKey>, AppError> {
    let row = Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?;
    Ok(with_secrets(conn, tenant, row.into_iter().collect()).await?.pop())
}

/// One key, its row locked.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<ApiKey>,
) -> Result<Option<ApiKey>, AppError> {
    let row =
        Entity::find_by_id((tenant.to_string(), id.uuid())).lock_exclusive().one(conn).await?;
    Ok(with_secrets(conn, tenant, row.into_iter().collect()).await?.pop())
}

/// How many keys of a tenant are active.
pub async fn count_active<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    now: DateTime<Utc>,
) -> Result<u64, AppError> {
    let lasts = Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(now));
    let active = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::RevokedAt.is_null())
        .filter(lasts);
    Ok(active.count(conn).await?)
}

/// Keys below an id, newest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    before: Uuid,
    limit: u64,
) -> Result<Vec<ApiKey>, AppError> {
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.lt(before));
    let rows = query.order_by_desc(Column::Id).limit(limit).all(conn).await?;
    with_secrets(conn, tenant, rows).await
}

/// Whose a secret with this hash is.
pub async fn owner<C: ConnectionTrait>(conn: &C, hash: &[u8]) -> Result<Option<Owner>, AppError> {
    let Some(row) = secrets::Entity::find_by_id(hash.to_vec()).one(conn).await? else {
        return Ok(None);
    };
    let tenant = row.tenant.parse().map_err(|_| unknown("tenant", &row.tenant))?;
    Ok(Some(Owner { tenant, key: Id::from_uuid(row.key_id) }))
}

/// Inserts a key, or saves its changes, with its secrets. When it was last used stays.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    api_key: &ApiKey,
) -> Result<(), AppError> {
    let roles: Vec<_> = api_key.permission.roles.iter().map(|role| role.name()).collect();
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(api_key.id.uuid()),
        display_name: Set(api_key.display_name.clone()),
        roles: Set(roles.join(" ")),
        methods: Set(api_key.permission.methods.join(" ")),
        customer_id: Set(api_key.permission.customer.map(Id::uuid)),
        expires_at: Set(api_key.expires_at),
        created_by: Set(api_key.created_by.clone()),
        last_used_at: Set(api_key.last_used_at),
        revoked_at: Set(api_key.revoked_at),
        version: Set(api_key.version),
        created_at: Set(api_key.created_at),
        updated_at: Set(api_key.updated_at),
    };
    let changing = [Column::RevokedAt, Column::Version, Column::UpdatedAt];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    for secret in &api_key.secrets {
        let row = secrets::ActiveModel {
            hash: Set(secret.hash.to_vec()),
            tenant: Set(tenant.to_string()),
            key_id: Set(api_key.id.uuid()),
            last_four: Set(secret.last_four.clone()),
            created_at: Set(secret.created_at),
            ends_at: Set(secret.ends_at),
        };
        let upsert = OnConflict::column(secrets::Column::Hash)
            .update_column(secrets::Column::EndsAt)
            .to_owned();
        secrets::Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    }
    Ok(())
}

/// Notes when a key was used, unless a later use is noted.
pub async fn note_use<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<ApiKey>,
    at: DateTime<Utc>,
) -> Result<(), AppError> {
    let earlier = Condition::any().add(Column::LastUsedAt.is_null()).add(Column::LastUsedAt.lt(at));
    Entity::update_many()
        .col_expr(Column::LastUsedAt, Expr::value(at))
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Id.eq(id.uuid()))
        .filter(earlier)
        .exec(conn)
        .await?;
    Ok(())
}
