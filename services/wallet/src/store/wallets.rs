//! Table `wallets`, and the loading of whole wallets with their live lots, locked or not; `changes`
//! saves them.

use super::{currency, debts, lot_cache::LotCache, lots, money, unknown};
use payterms_chassis::{
    AppError, WriteTx,
    filter::Comparison,
    keyset::{self, Columns, Compared, Key, Position},
    listing::{Listing, Order, UPDATE_TIME},
    marks,
    rows::{self, Rows},
};
use payterms_kernel::{Currency, Id, Money, TenantId};
use payterms_wallet_domain::{Customer, Lot, Wallet};
use sea_orm::{
    IntoSimpleExpr, QuerySelect,
    entity::prelude::*,
    sea_query::{Query, SelectStatement},
};
use serde::Serialize;
use std::collections::HashMap;

payterms_chassis::table! {
    /// A row.
    #[derive(Serialize)]
    entity "wallets"
    key { id: Uuid, }
    fixed {
        customer_id: Uuid,
        currency: String,
        created_at: ChronoDateTimeUtc,
        external_id: Option<String>,
        labels: String,
    }
    changing {
        sequence: i64,
        lot_count: i64,
        usage_count: i64,
        posted: i64,
        owed: i64,
        version: i64,
        updated_at: ChronoDateTimeUtc,
        owed_back: i64,
        owed_undone: i64,
        overdraft: Option<i64>,
        closes: Option<String>,
    }
    unread {}
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A locked wallet, and its state when it was loaded.
#[derive(Debug, Clone)]
pub struct Locked {
    /// The wallet, which decisions change.
    pub wallet: Wallet,
    pub(super) before: Wallet,
}

impl Locked {
    /// A wallet that has just been loaded.
    #[must_use]
    pub fn new(wallet: Wallet) -> Self {
        Self { before: wallet.clone(), wallet }
    }

    /// Adds used-up lots, which a decision may give credit back to. To be called before any
    /// decision.
    pub fn recall(&mut self, lots: impl IntoIterator<Item = Lot>) {
        for lot in lots {
            if self.wallet.lots.iter().all(|each| each.id != lot.id) {
                self.wallet.insert_lot(lot);
            }
        }
        self.before.lots.clone_from(&self.wallet.lots);
    }

    /// Lots that have credit now and had none when it was loaded.
    pub fn fresh_lots(&self) -> impl Iterator<Item = &Lot> {
        let had_some = |lot: &Lot| {
            self.before
                .lots
                .iter()
                .any(|before| before.id == lot.id && before.remaining.is_positive())
        };
        self.wallet.lots.iter().filter(move |lot| {
            lot.expires_at.is_some() && lot.remaining.is_positive() && !had_some(lot)
        })
    }

    /// The sequence of its last entry, and the number of its uses, when it was loaded.
    #[must_use]
    pub fn counted(&self) -> (i64, i64) {
        (self.before.sequence, self.before.usage_count)
    }
}

/// Wallets by their own ids.
pub const NAMED: marks::Named =
    marks::Named { table: "wallets", path: &[("customer_id", "customers"), ("id", "wallets")] };

fn wallet(row: &Model) -> Result<Wallet, AppError> {
    read(row).map_err(|error| error.in_row(Model::TABLE, row.id))
}

/// Every column is named, so that the compiler asks what a new one is for.
fn read(row: &Model) -> Result<Wallet, AppError> {
    let Model {
        tenant: _,
        id,
        customer_id,
        currency: code,
        created_at,
        external_id,
        labels,
        sequence,
        lot_count,
        usage_count,
        posted,
        owed,
        version,
        updated_at,
        owed_back,
        owed_undone,
        overdraft,
        closes,
    } = row;
    let mut wallet =
        Wallet::open(Id::from_uuid(*id), Id::from_uuid(*customer_id), currency(code)?, *created_at);
    wallet.sequence = *sequence;
    wallet.lot_count = *lot_count;
    wallet.usage_count = *usage_count;
    wallet.posted = money(code, *posted)?;
    wallet.owed = money(code, *owed)?;
    wallet.version = *version;
    wallet.updated_at = *updated_at;
    wallet.owed_back = money(code, *owed_back)?;
    wallet.owed_undone = money(code, *owed_undone)?;
    wallet.overdraft = overdraft.map(|limit| money(code, limit)).transpose()?;
    wallet.marks = marks::stored(external_id.clone(), labels)?;
    wallet.closes = closes
        .as_deref()
        .map(|month| month.parse().map_err(|_| unknown("month", month)))
        .transpose()?;
    Ok(wallet)
}

/// The row of a wallet.
pub(super) fn row(tenant: &TenantId, wallet: &Wallet) -> Model {
    Model {
        tenant: tenant.to_string(),
        id: wallet.id.uuid(),
        customer_id: wallet.customer.uuid(),
        currency: wallet.currency.code().to_owned(),
        sequence: wallet.sequence,
        lot_count: wallet.lot_count,
        usage_count: wallet.usage_count,
        posted: wallet.posted.micros(),
        owed: wallet.owed.micros(),
        version: wallet.version,
        created_at: wallet.created_at,
        updated_at: wallet.updated_at,
        owed_back: wallet.owed_back.micros(),
        owed_undone: wallet.owed_undone.micros(),
        overdraft: wallet.overdraft.map(Money::micros),
        closes: wallet.closes.map(|month| month.to_string()),
        external_id: wallet.marks.external_id.clone(),
        labels: marks::labels_text(&wallet.marks.labels),
    }
}

/// Locks wallets and loads them with their live lots and their debts. They are locked in the order
/// of their ids, so that no two transactions wait for each other.
pub async fn lock_many(tx: &WriteTx, ids: &[Id<Wallet>]) -> Result<Vec<Locked>, AppError> {
    lock_cached(tx, ids, None).await
}

/// As [`lock_many`]. Lots whose wallet's row equals the cached row are not read again.
pub async fn lock_cached(
    tx: &WriteTx,
    ids: &[Id<Wallet>],
    cache: Option<&LotCache>,
) -> Result<Vec<Locked>, AppError> {
    let tenant = &tx.call().tenant;
    let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    let (among, values) = rows::among(tx.conn(), "id", 2, &ids);
    let lock = rows::for_update(tx.conn());
    let select = format!("SELECT * FROM wallets WHERE tenant = $1 AND {among} ORDER BY id{lock}");
    let rows = Entity::find()
        .from_raw_sql(rows::of_tenant(tx.conn(), &select, tenant, values))
        .all(tx.conn())
        .await?;
    let mut wallets = Vec::with_capacity(rows.len());
    let mut missing = Vec::new();
    for row in &rows {
        let mut wallet = wallet(row)?;
        match cache.and_then(|cache| cache.lots(tenant, &wallet)) {
            Some(lots) => wallet.lots = lots,
            None => missing.push(row.id),
        }
        wallets.push(wallet);
    }
    let mut live = lots::live_of(tx.conn(), tenant, &missing).await?;
    let mut owing = Vec::new();
    for wallet in &wallets {
        if wallet.owed_for_use()?.is_positive() {
            owing.push(wallet.id.uuid());
        }
    }
    let mut debts = debts::of_wallets(tx.conn(), tenant, &owing).await?;
    let whole = |mut wallet: Wallet| {
        wallet.lots.extend(live.remove(&wallet.id.uuid()).unwrap_or_default());
        wallet.debts = debts.remove(&wallet.id).unwrap_or_default();
        Locked::new(wallet)
    };
    Ok(wallets.into_iter().map(whole).collect())
}

/// Locks one wallet of a customer; `None` if there is no such wallet.
pub async fn lock(
    tx: &WriteTx,
    customer: Id<Customer>,
    id: Id<Wallet>,
) -> Result<Option<Locked>, AppError> {
    Ok(lock_many(tx, &[id]).await?.pop().filter(|locked| locked.wallet.customer == customer))
}

/// Inserts a new wallet.
pub async fn insert(tx: &WriteTx, wallet: &Wallet) -> Result<(), AppError> {
    let mut rows = Rows::new(Model::COLUMNS);
    rows.push(row(&tx.call().tenant, wallet).inserted());
    rows.insert(tx.conn(), Model::TABLE, "").await?;
    Ok(())
}

/// The customer's wallet in a currency.
pub async fn find_in_currency<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    currency: Currency,
) -> Result<Option<Wallet>, AppError> {
    let found = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::Currency.eq(currency.code()))
        .one(conn)
        .await?;
    found.as_ref().map(wallet).transpose()
}

/// One wallet of a customer with its live lots.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    id: Id<Wallet>,
) -> Result<Option<Wallet>, AppError> {
    let found = Entity::find_by_id((tenant.to_string(), id.uuid()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .one(conn)
        .await?;
    let Some(mut wallet) = found.as_ref().map(wallet).transpose()? else { return Ok(None) };
    wallet.lots =
        lots::live_of(conn, tenant, &[id.uuid()]).await?.remove(&id.uuid()).unwrap_or_default();
    Ok(Some(wallet))
}

/// The ids of a customer's wallets.
pub(super) fn of_customer(tenant: &TenantId, customer: Uuid) -> SelectStatement {
    Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::Tenant.eq(tenant.as_str()))
        .and_where(Column::CustomerId.eq(customer))
        .to_owned()
}

/// The wallets of a customer: one for each currency.
pub async fn ids_of_customer<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
) -> Result<Vec<Id<Wallet>>, AppError> {
    let query =
        Entity::find().select_only().column(Column::Id).filter(Column::Tenant.eq(tenant.as_str()));
    let ids: Vec<Uuid> =
        query.filter(Column::CustomerId.eq(customer.uuid())).into_tuple().all(conn).await?;
    Ok(ids.into_iter().map(Id::from_uuid).collect())
}

/// Whose wallets are.
pub async fn owners<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Wallet>],
) -> Result<HashMap<Id<Wallet>, Id<Customer>>, AppError> {
    let query = Entity::find()
        .select_only()
        .columns([Column::Id, Column::CustomerId])
        .filter(Column::Tenant.eq(tenant.as_str()));
    let rows: Vec<(Uuid, Uuid)> = query
        .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .into_tuple()
        .all(conn)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(id, customer)| (Id::from_uuid(id), Id::from_uuid(customer)))
        .collect())
}

/// The wallets of these ids, without their lots.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Wallet>],
) -> Result<Vec<Wallet>, AppError> {
    let ids = ids.iter().map(|id| id.uuid());
    let rows = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Id.is_in(ids))
        .all(conn)
        .await?;
    rows.iter().map(wallet).collect()
}

/// A page of the wallets of a customer or of all after a position, with their live lots.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Option<Id<Customer>>,
    listing: &Listing,
    after: Option<Position>,
) -> Result<Vec<Wallet>, AppError> {
    let mut query = Entity::find().filter(Column::Tenant.eq(tenant.as_str()));
    if let Some(customer) = customer {
        query = query.filter(Column::CustomerId.eq(customer.uuid()));
    }
    let backend = conn.get_database_backend();
    let filter = |comparison: &Comparison| {
        marks::compared(backend, comparison).or_else(|| compared(comparison))
    };
    let order = |field: &str| (field == UPDATE_TIME).then(|| Column::UpdatedAt.into_simple_expr());
    let columns = Columns { id: Column::Id.into_simple_expr(), filter: &filter, order: &order };
    let rows = keyset::page(query, listing, after, &columns)?.all(conn).await?;
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut live = lots::live_of(conn, tenant, &ids).await?;
    let with_lots = |row: Model| {
        let mut wallet = wallet(&row)?;
        wallet.lots = live.remove(&wallet.id.uuid()).unwrap_or_default();
        Ok(wallet)
    };
    rows.into_iter().map(with_lots).collect()
}

fn compared(comparison: &Comparison) -> Option<Compared> {
    let column = match comparison.field {
        "customer" => Column::CustomerId,
        "currency" => Column::Currency,
        "create_time" => Column::CreatedAt,
        UPDATE_TIME => Column::UpdatedAt,
        _ => return None,
    };
    Some(Compared::As(column.into_simple_expr()))
}

/// Where a wallet is in a list of this order.
#[must_use]
pub fn position(wallet: &Wallet, order: Order) -> Position {
    let key = if order.field == UPDATE_TIME { Key::Instant(wallet.updated_at) } else { Key::Id };
    Position { key, id: wallet.id.uuid() }
}
