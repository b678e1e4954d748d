//! Table `usage_records`: written once, never changed.

use super::{
    RequestStamp,
    history::{self, Distance, Span},
    money, unknown, usage_ids,
};
use chrono::TimeDelta;
use payterms_chassis::{
    AppError,
    filter::EXTERNAL_ID,
    keyset::{self, Key, Position},
    listing::Listing,
    rows::{self, Rows},
};
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{
    Transfer, UsageRecord, Wallet,
    metered::Metered,
    usage::{MOST_DAYS_OLD, MOST_MINUTES_AHEAD},
};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use sea_orm::{
    FromQueryResult, IntoSimpleExpr, QueryOrder, QuerySelect, QueryTrait, Select,
    entity::prelude::*,
    sea_query::{Expr, SelectStatement},
};
use std::collections::HashMap;

payterms_chassis::table! {
    /// A row, which also keeps its request.
    entity "usage_records"
    key { id: Uuid, }
    fixed {
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
        request_id: Option<Uuid>,
    }
    changing {}
    unread {
        input_hash: Option<Vec<u8>>,
        actor: Option<String>,
    }
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn metered(service: Option<Uuid>, month: Option<&str>) -> Result<Option<Metered>, AppError> {
    let Some((service, month)) = service.zip(month) else { return Ok(None) };
    Ok(Some(Metered { service, month: month.parse().map_err(|_| unknown("month", month))? }))
}

/// Inserts records, each with its wallet and its request.
pub async fn insert_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    records: &[(Id<Wallet>, UsageRecord, RequestStamp)],
) -> Result<(), AppError> {
    let millionths = |value: Decimal| {
        value
            .checked_mul(Decimal::from(1_000_000))
            .and_then(|value| value.to_i64())
            .unwrap_or_default()
    };
    let mut rows = Rows::new(Model::COLUMNS);
    for (wallet, record, stamp) in records {
        let row = Model {
            tenant: tenant.to_string(),
            id: record.id.uuid(),
            wallet_id: wallet.uuid(),
            product: record.product.clone(),
            quantity_millionths: millionths(record.quantity),
            unit_price: record.unit_price.micros(),
            amount: record.amount.micros(),
            currency: record.amount.currency().code().to_owned(),
            transfer_id: record.transfer.map(Id::uuid),
            used_at: record.used_at,
            recorded_at: record.recorded_at,
            sequence: record.sequence,
            service_id: record.metered.map(|metered| metered.service),
            billing_month: record.metered.map(|metered| metered.month.to_string()),
            late: record.late,
            request_id: Some(stamp.request_id),
            input_hash: Some(stamp.input_hash.clone()),
            actor: Some(stamp.actor.clone()),
        };
        rows.push(row.inserted());
    }
    rows.insert(conn, Model::TABLE, "").await?;
    Ok(())
}

/// Records by their request ids.
pub async fn records_by_request<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    requests: &[Uuid],
) -> Result<HashMap<Uuid, UsageRecord>, AppError> {
    if requests.is_empty() {
        return Ok(HashMap::new());
    }
    let (among, ids) = rows::among(conn, "request_id", 2, requests);
    let select = format!("SELECT * FROM usage_records WHERE tenant = $1 AND {among}");
    let rows =
        Entity::find().from_raw_sql(rows::of_tenant(conn, &select, tenant, ids)).all(conn).await?;
    rows.into_iter()
        .filter_map(|row| Some((row.request_id?, row)))
        .map(|(id, row)| Ok((id, record(row)?)))
        .collect()
}

fn record(row: Model) -> Result<UsageRecord, AppError> {
    let id = row.id;
    read(row).map_err(|error| error.in_row(Model::TABLE, id))
}

fn read(row: Model) -> Result<UsageRecord, AppError> {
    Ok(UsageRecord {
        id: Id::from_uuid(row.id),
        sequence: row.sequence,
        product: row.product,
        quantity: Decimal::new(row.quantity_millionths, 6).normalize(),
        unit_price: money(&row.currency, row.unit_price)?,
        amount: money(&row.currency, row.amount)?,
        transfer: row.transfer_id.map(Id::from_uuid),
        metered: metered(row.service_id, row.billing_month.as_deref())?,
        late: row.late,
        // It stands in a table of its own (`usage_ids`).
        external_id: None,
        used_at: row.used_at,
        recorded_at: row.recorded_at,
    })
}

/// The record of the use that a transfer of a wallet took. Records have no index by transfer, which
/// would cost every use a row of it: those of the product are searched, the newest first.
pub async fn of_transfer<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    product: &str,
    transfer: Id<Transfer>,
) -> Result<Option<UsageRecord>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::WalletId.eq(wallet.uuid()))
        .filter(Column::Product.eq(product))
        .filter(Column::TransferId.eq(transfer.uuid()))
        .order_by_desc(Column::Sequence)
        .limit(1);
    query.one(conn).await?.map(record).transpose()
}

/// A use of a wallet.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    id: Id<UsageRecord>,
) -> Result<Option<UsageRecord>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::WalletId.eq(wallet.uuid()));
    query.one(conn).await?.map(record).transpose()
}

/// A record of a list, and its wallet.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its wallet.
    pub wallet: Id<Wallet>,
    /// The record.
    pub record: UsageRecord,
}

impl Listed {
    /// Where it is in a list of this span.
    #[must_use]
    pub fn position(&self, span: &Span) -> Position {
        match span {
            Span::Wallets(_) => {
                Position { key: Key::Number(self.record.sequence), id: self.wallet.uuid() }
            }
            Span::Tenant { .. } => Position { key: Key::Id, id: self.record.id.uuid() },
        }
    }
}

/// The records that a filter lets through.
fn records_of(tenant: &TenantId, listing: &Listing) -> Result<Select<Entity>, AppError> {
    let mut query = Entity::find().filter(Column::Tenant.eq(tenant.as_str()));
    for comparison in &listing.filter.0 {
        if comparison.field == EXTERNAL_ID {
            query = query.filter(usage_ids::compared(
                tenant,
                Column::Id.into_simple_expr(),
                comparison,
            )?);
            continue;
        }
        let column = match comparison.field {
            "product" => Column::Product,
            "usage_time" => Column::UsedAt,
            "record_time" => Column::RecordedAt,
            other => return Err(unknown("filter", other)),
        };
        query = query.filter(keyset::compared(column.into_simple_expr(), comparison));
    }
    Ok(query)
}

/// A page of records after a position.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    span: &Span,
    listing: &Listing,
    after: Option<Position>,
) -> Result<Vec<Listed>, AppError> {
    let query = records_of(tenant, listing)?;
    let page = match span {
        Span::Wallets(wallets) => {
            let of_wallet = |(wallet, sequence): (Uuid, Option<i64>)| {
                let mut query = query.clone().filter(Column::WalletId.eq(wallet));
                if let Some(sequence) = sequence {
                    query = query.filter(history::after(
                        listing,
                        Column::Sequence.into_simple_expr(),
                        Expr::val(sequence),
                    ));
                }
                query
                    .order_by(Column::Sequence, history::direction(listing))
                    .limit(listing.page.reads())
                    .into_query()
            };
            let wallets = history::wallets_after(wallets, listing, after.as_ref())?;
            history::first_of(wallets.into_iter().map(of_wallet).collect(), listing)
        }
        Span::Tenant { ids_have_the_time } => {
            Some(of_tenant(query, *ids_have_the_time, listing, after))
        }
    };
    let Some(page) = page else { return Ok(Vec::new()) };
    let rows = Model::find_by_statement(conn.get_database_backend().build(&page)).all(conn).await?;
    rows.into_iter()
        .map(|row| Ok(Listed { wallet: Id::from_uuid(row.wallet_id), record: record(row)? }))
        .collect()
}

/// A page of all records of a tenant, by their ids.
fn of_tenant(
    query: Select<Entity>,
    ids_have_the_time: bool,
    listing: &Listing,
    after: Option<Position>,
) -> SelectStatement {
    let id = Column::Id.into_simple_expr();
    let mut query = query;
    if ids_have_the_time {
        for comparison in &listing.filter.0 {
            let distance = match comparison.field {
                "record_time" => Distance::default(),
                // What is used at an instant is recorded a little before it at the earliest, and
                // some weeks after it at the latest.
                "usage_time" => {
                    (TimeDelta::minutes(MOST_MINUTES_AHEAD), TimeDelta::days(MOST_DAYS_OLD))
                }
                _ => continue,
            };
            if let Some(bound) = history::ids(&id, comparison, distance) {
                query = query.filter(bound);
            }
        }
    }
    if let Some(position) = after {
        query = query.filter(history::after(listing, id, Expr::val(position.id)));
    }
    query.order_by(Column::Id, history::direction(listing)).limit(listing.page.reads()).into_query()
}
