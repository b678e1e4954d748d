//! Tables `holds` and `hold_pins`.

use super::{money, unknown};
use payterms_chassis::{AppError, WriteTx, rows};
use payterms_kernel::{Id, Money, TenantId};
use payterms_wallet_domain::{Hold, HoldState, Lot, Wallet};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};
use std::collections::HashMap;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "holds")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    wallet_id: Uuid,
    state: String,
    amount: i64,
    captured: i64,
    currency: String,
    expires_at: ChronoDateTimeUtc,
    description: String,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
    payment_id: Option<Uuid>,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Table `hold_pins`.
pub mod pins {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "hold_pins")]
    /// A row.
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) hold_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) place: i64,
        pub(super) lot_id: Uuid,
        pub(super) amount: i64,
        pub(super) currency: String,
    }

    /// No relations: other tables are read by their own modules.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn state(name: &str) -> Result<HoldState, AppError> {
    HoldState::named(name).ok_or_else(|| unknown("hold state", name))
}

async fn with_pins<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    rows: Vec<Model>,
) -> Result<Vec<Hold>, AppError> {
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let (among, ids) = rows::among(conn, "hold_id", 2, &ids);
    let select = format!("SELECT * FROM hold_pins WHERE tenant = $1 AND {among} ORDER BY place");
    let pinned = pins::Entity::find()
        .from_raw_sql(rows::of_tenant(conn, &select, tenant, ids))
        .all(conn)
        .await?;
    let mut by_hold: HashMap<Uuid, Vec<_>> = HashMap::new();
    for pin in pinned {
        by_hold
            .entry(pin.hold_id)
            .or_default()
            .push((Id::from_uuid(pin.lot_id), money(&pin.currency, pin.amount)?));
    }
    let hold = |row: Model| {
        Ok(Hold {
            id: Id::from_uuid(row.id),
            state: state(&row.state)?,
            amount: money(&row.currency, row.amount)?,
            captured: money(&row.currency, row.captured)?,
            pins: by_hold.remove(&row.id).unwrap_or_default(),
            payment: row.payment_id,
            expires_at: row.expires_at,
            description: row.description,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    };
    rows.into_iter().map(hold).collect()
}

/// One hold of a wallet.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    id: Id<Hold>,
) -> Result<Option<Hold>, AppError> {
    let found = Entity::find_by_id((tenant.to_string(), id.uuid()))
        .filter(Column::WalletId.eq(wallet.uuid()))
        .one(conn)
        .await?;
    Ok(with_pins(conn, tenant, found.into_iter().collect()).await?.pop())
}

/// Holds of these ids, each with its wallet.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Hold>],
) -> Result<Vec<(Id<Wallet>, Hold)>, AppError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    let (among, ids) = rows::among(conn, "id", 2, &ids);
    let select = format!("SELECT * FROM holds WHERE tenant = $1 AND {among}");
    let rows =
        Entity::find().from_raw_sql(rows::of_tenant(conn, &select, tenant, ids)).all(conn).await?;
    let wallets: Vec<_> = rows.iter().map(|row| Id::from_uuid(row.wallet_id)).collect();
    Ok(wallets.into_iter().zip(with_pins(conn, tenant, rows).await?).collect())
}

/// The hold of a payment.
pub async fn of_payment<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payment: Uuid,
) -> Result<Option<Hold>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::PaymentId.eq(payment));
    let found = query.one(conn).await?;
    Ok(with_pins(conn, tenant, found.into_iter().collect()).await?.pop())
}

/// The wallet of a hold, for the expiry job, whose subject is only the hold.
pub async fn wallet_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Hold>,
) -> Result<Option<Id<Wallet>>, AppError> {
    let found = Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?;
    Ok(found.map(|row| Id::from_uuid(row.wallet_id)))
}

/// Holds of a wallet below the id `before`, newest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    before: Uuid,
    limit: u64,
) -> Result<Vec<Hold>, AppError> {
    let rows = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::WalletId.eq(wallet.uuid()))
        .filter(Column::Id.lt(before))
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(conn)
        .await?;
    with_pins(conn, tenant, rows).await
}

/// Inserts or updates a hold, and its pins as they are now.
pub async fn save(tx: &WriteTx, wallet: Id<Wallet>, hold: &Hold) -> Result<(), AppError> {
    save_many(tx, &[(wallet, hold.clone())]).await
}

/// Inserts or updates holds of wallets, and their pins as they are now.
pub async fn save_many(tx: &WriteTx, saved: &[(Id<Wallet>, Hold)]) -> Result<(), AppError> {
    if saved.is_empty() {
        return Ok(());
    }
    let tenant = tx.call().tenant.to_string();
    let rows = saved.iter().map(|(wallet, hold)| ActiveModel {
        tenant: Set(tenant.clone()),
        id: Set(hold.id.uuid()),
        wallet_id: Set(wallet.uuid()),
        state: Set(hold.state.name().to_owned()),
        amount: Set(hold.amount.micros()),
        captured: Set(hold.captured.micros()),
        currency: Set(hold.amount.currency().code().to_owned()),
        expires_at: Set(hold.expires_at),
        description: Set(hold.description.clone()),
        created_at: Set(hold.created_at),
        updated_at: Set(hold.updated_at),
        payment_id: Set(hold.payment),
    });
    let upsert = OnConflict::columns([Column::Tenant, Column::Id])
        .update_columns([Column::State, Column::Captured, Column::UpdatedAt])
        .to_owned();
    Entity::insert_many(rows).on_conflict(upsert).exec_without_returning(tx.conn()).await?;
    pins::Entity::delete_many()
        .filter(pins::Column::Tenant.eq(&tenant))
        .filter(pins::Column::HoldId.is_in(saved.iter().map(|(_, hold)| hold.id.uuid())))
        .exec(tx.conn())
        .await?;
    let pin = |hold: &Hold, index: i64, (lot, amount): &(Id<Lot>, Money)| pins::ActiveModel {
        tenant: Set(tenant.clone()),
        hold_id: Set(hold.id.uuid()),
        place: Set(index),
        lot_id: Set(lot.uuid()),
        amount: Set(amount.micros()),
        currency: Set(hold.amount.currency().code().to_owned()),
    };
    let rows: Vec<_> = saved
        .iter()
        .flat_map(|(_, hold)| {
            (1_i64..)
                .zip(&hold.pins)
                .map(|(index, part)| pin(hold, index, part))
                .collect::<Vec<_>>()
        })
        .collect();
    if !rows.is_empty() {
        pins::Entity::insert_many(rows).exec_without_returning(tx.conn()).await?;
    }
    Ok(())
}
