//! Table `usage_records`: written once, never changed.

use super::{money, unknown};
use payterms_chassis::AppError;
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{UsageRecord, Wallet, metered::Metered};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, QueryTrait, entity::prelude::*};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_records")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    wallet_id: Uuid,
    product: String,
    quantity_millionths: i64,
    unit_price: i64,
    amount: i64,
    currency: String,
    transfer_id: Option<Uuid>,
    used_at: ChronoDateTimeUtc,
    recorded_at: ChronoDateTimeUtc,
    sequence: i64,
    service_id: Option<Uuid>,
    billing_month: Option<String>,
    late: bool,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn metered(service: Option<Uuid>, month: Option<&str>, late: bool) -> Result<Option<Metered>, AppError> {
    let Some((service, month)) = service.zip(month) else { return Ok(None) };
    Ok(Some(Metered { service, month: month.parse().map_err(|_| unknown("month", month))?, late }))
}

/// Inserts records.
///
/// # Errors
/// The database's.
pub async fn insert_many<C: ConnectionTrait>(conn: &C, tenant: &TenantId, records: &[(Id<Wallet>, &UsageRecord)]) -> Result<(), AppError> {
    let millionths = |value: Decimal| value.checked_mul(Decimal::from(1_000_000)).and_then(|value| value.to_i64()).unwrap_or_default();
    let rows = records.iter().map(|(wallet, record)| ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(record.id.uuid()),
        wallet_id: Set(wallet.uuid()),
        product: Set(record.product.clone()),
        quantity_millionths: Set(millionths(record.quantity)),
        unit_price: Set(record.unit_price.micros()),
        amount: Set(record.amount.micros()),
        currency: Set(record.amount.currency().code().to_owned()),
        transfer_id: Set(record.transfer.map(Id::uuid)),
        used_at: Set(record.used_at),
        recorded_at: Set(record.recorded_at),
        sequence: Set(record.sequence),
        service_id: Set(record.metered.map(|own| own.service)),
        billing_month: Set(record.metered.map(|own| own.month.to_string())),
        late: Set(record.metered.is_some_and(|own| own.late)),
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        Entity::insert_many(rows).exec_without_returning(conn).await?;
    }
    Ok(())
}

/// Records of a wallet below the sequence `before`, newest first; of one product if one is named.
///
/// # Errors
/// The database's.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    (product, before): (&str, i64),
    limit: u64,
) -> Result<Vec<UsageRecord>, AppError> {
    let rows = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::WalletId.eq(wallet.uuid()))
        .filter(Column::Sequence.lt(before))
        .apply_if((!product.is_empty()).then_some(product), |query, product| query.filter(Column::Product.eq(product)))
        .order_by_desc(Column::Sequence)
        .limit(limit)
        .all(conn)
        .await?;
    let record = |row: Model| {
        Ok(UsageRecord {
            id: Id::from_uuid(row.id),
            sequence: row.sequence,
            product: row.product,
            quantity: Decimal::new(row.quantity_millionths, 6).normalize(),
            unit_price: money(&row.currency, row.unit_price)?,
            amount: money(&row.currency, row.amount)?,
            transfer: row.transfer_id.map(Id::from_uuid),
            metered: metered(row.service_id, row.billing_month.as_deref(), row.late)?,
            used_at: row.used_at,
            recorded_at: row.recorded_at,
        })
    };
    rows.into_iter().map(record).collect()
}
