//! Tables `recurring_fees` and `fees`.

use super::{money, unknown};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{Fee, RecurringFee, Wallet};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recurring_fees")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    wallet_id: Uuid,
    description: String,
    amount: i64,
    currency: String,
    first_on: String,
    taken: i64,
    cancelled: bool,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Table `fees`: written once, never changed.
mod taken_fees {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "fees")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub transfer_id: Uuid,
        pub wallet_id: Uuid,
        pub recurring_fee_id: Option<Uuid>,
        pub description: String,
        pub amount: i64,
        pub currency: String,
        pub sequence: i64,
        pub taken_at: ChronoDateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn recurring(row: Model) -> Result<RecurringFee, AppError> {
    Ok(RecurringFee {
        id: Id::from_uuid(row.id),
        wallet: Id::from_uuid(row.wallet_id),
        description: row.description,
        amount: money(&row.currency, row.amount)?,
        first_on: row.first_on.parse().map_err(|_| unknown("date", &row.first_on))?,
        taken: u32::try_from(row.taken).unwrap_or_default(),
        cancelled: row.cancelled,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One recurring fee.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<RecurringFee>,
) -> Result<Option<RecurringFee>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(recurring).transpose()
}

/// Recurring fees of a wallet after an id, oldest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    after: Uuid,
    limit: u64,
) -> Result<Vec<RecurringFee>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::WalletId.eq(wallet.uuid()))
        .filter(Column::Id.gt(after));
    query
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(conn)
        .await?
        .into_iter()
        .map(recurring)
        .collect()
}

/// Inserts a recurring fee or saves it.
pub async fn save(tx: &WriteTx, fee: &RecurringFee) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tx.call().tenant.to_string()),
        id: Set(fee.id.uuid()),
        wallet_id: Set(fee.wallet.uuid()),
        description: Set(fee.description.clone()),
        amount: Set(fee.amount.micros()),
        currency: Set(fee.amount.currency().code().to_owned()),
        first_on: Set(fee.first_on.to_string()),
        taken: Set(fee.taken.into()),
        cancelled: Set(fee.cancelled),
        version: Set(fee.version),
        created_at: Set(fee.created_at),
        updated_at: Set(fee.updated_at),
    };
    let changing = [Column::Taken, Column::Cancelled, Column::Version, Column::UpdatedAt];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// Inserts fees that were taken.
pub async fn insert_many(tx: &WriteTx, fees: &[Fee]) -> Result<(), AppError> {
    if fees.is_empty() {
        return Ok(());
    }
    let rows = fees.iter().map(|fee| taken_fees::ActiveModel {
        tenant: Set(tx.call().tenant.to_string()),
        transfer_id: Set(fee.transfer.uuid()),
        wallet_id: Set(fee.wallet.uuid()),
        recurring_fee_id: Set(fee.recurring.map(Id::uuid)),
        description: Set(fee.description.clone()),
        amount: Set(fee.amount.micros()),
        currency: Set(fee.amount.currency().code().to_owned()),
        sequence: Set(fee.sequence),
        taken_at: Set(fee.taken_at),
    });
    taken_fees::Entity::insert_many(rows).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// Fees of a wallet below a sequence, newest first.
pub async fn list_taken<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    before: i64,
    limit: u64,
) -> Result<Vec<Fee>, AppError> {
    let query = taken_fees::Entity::find()
        .filter(taken_fees::Column::Tenant.eq(tenant.as_str()))
        .filter(taken_fees::Column::WalletId.eq(wallet.uuid()))
        .filter(taken_fees::Column::Sequence.lt(before));
    let rows = query.order_by_desc(taken_fees::Column::Sequence).limit(limit).all(conn).await?;
    let fee = |row: taken_fees::Model| {
        Ok(Fee {
            transfer: Id::from_uuid(row.transfer_id),
            wallet: Id::from_uuid(row.wallet_id),
            recurring: row.recurring_fee_id.map(Id::from_uuid),
            description: row.description,
            amount: money(&row.currency, row.amount)?,
            sequence: row.sequence,
            taken_at: row.taken_at,
        })
    };
    rows.into_iter().map(fee).collect()
}
