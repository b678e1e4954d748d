//! Table `wallets`, and the wallet as a whole: locked, loaded with its live lots, saved.

use super::{AskedBy, accruals, currency, known_lots::KnownLots, lots, money, transfers, unknown};
use crate::jobs;
use chrono::Months;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::schedule_many,
    rows::{self, Kind, Rows},
};
use payterms_kernel::{
    Currency, Id, Money, TenantId,
    calendar::{day_in, first_of_month, start_of_day},
};
use payterms_wallet_domain::{Customer, Wallet, month::accrued};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "wallets")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    customer_id: Uuid,
    currency: String,
    sequence: i64,
    lot_count: i64,
    usage_count: i64,
    posted: i64,
    owed: i64,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
    owed_back: i64,
    overdraft: Option<i64>,
    closes: Option<String>,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A locked wallet, and what it was when it was loaded.
#[derive(Debug, Clone)]
pub struct Locked {
    /// The wallet, to decide on.
    pub wallet: Wallet,
    before: Wallet,
}

impl Locked {
    /// The sequence number of its last entry, and how many uses it had, when it was loaded.
    #[must_use]
    pub fn counted(&self) -> (i64, i64) {
        (self.before.sequence, self.before.usage_count)
    }
}

fn wallet(row: &Model) -> Result<Wallet, AppError> {
    let currency = currency(&row.currency)?;
    let mut wallet = Wallet::open(Id::from_uuid(row.id), Id::from_uuid(row.customer_id), currency, row.created_at);
    wallet.sequence = row.sequence;
    wallet.lot_count = row.lot_count;
    wallet.usage_count = row.usage_count;
    wallet.posted = money(&row.currency, row.posted)?;
    wallet.owed = money(&row.currency, row.owed)?;
    wallet.version = row.version;
    wallet.updated_at = row.updated_at;
    wallet.owed_back = money(&row.currency, row.owed_back)?;
    wallet.overdraft = row.overdraft.map(|limit| money(&row.currency, limit)).transpose()?;
    wallet.closes = row.closes.as_deref().map(|month| month.parse().map_err(|_| unknown("month", month))).transpose()?;
    Ok(wallet)
}

fn row(tenant: &TenantId, wallet: &Wallet) -> ActiveModel {
    ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(wallet.id.uuid()),
        customer_id: Set(wallet.customer.uuid()),
        currency: Set(wallet.currency.code().to_owned()),
        sequence: Set(wallet.sequence),
        lot_count: Set(wallet.lot_count),
        usage_count: Set(wallet.usage_count),
        posted: Set(wallet.posted.micros()),
        owed: Set(wallet.owed.micros()),
        version: Set(wallet.version),
        created_at: Set(wallet.created_at),
        updated_at: Set(wallet.updated_at),
        owed_back: Set(wallet.owed_back.micros()),
        overdraft: Set(wallet.overdraft.map(Money::micros)),
        closes: Set(wallet.closes.map(|month| month.to_string())),
    }
}

/// Locks wallets in the order of their ids and loads them with their live lots.
///
/// # Errors
/// The database's.
pub async fn lock_many(tx: &WriteTx, ids: &[Id<Wallet>]) -> Result<Vec<Locked>, AppError> {
    lock_known(tx, ids, None).await
}

/// The same; lots that are known are not read again.
///
/// # Errors
/// The database's.
pub async fn lock_known(tx: &WriteTx, ids: &[Id<Wallet>], known: Option<&KnownLots>) -> Result<Vec<Locked>, AppError> {
    let tenant = &tx.call().tenant;
    let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    let (among, values) = rows::among(tx.conn(), "id", 2, &ids);
    let lock = rows::for_update(tx.conn());
    let select = format!("SELECT * FROM wallets WHERE tenant = $1 AND {among} ORDER BY id{lock}");
    let rows = Entity::find().from_raw_sql(rows::of_tenant(tx.conn(), &select, tenant, values)).all(tx.conn()).await?;
    let (mut wallets, mut unknown) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in &rows {
        let mut wallet = wallet(row)?;
        match known.and_then(|known| known.of(tenant, &wallet)) {
            Some(lots) => wallet.lots = lots,
            None => unknown.push(row.id),
        }
        wallets.push(wallet);
    }
    let mut live = lots::live_of(tx.conn(), tenant, &unknown).await?;
    let with_lots = |mut wallet: Wallet| {
        wallet.lots.extend(live.remove(&wallet.id.uuid()).unwrap_or_default());
        Locked { before: wallet.clone(), wallet }
    };
    Ok(wallets.into_iter().map(with_lots).collect())
}

/// Locks one wallet of a customer; none if there is no such wallet.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &WriteTx, customer: Id<Customer>, id: Id<Wallet>) -> Result<Option<Locked>, AppError> {
    Ok(lock_many(tx, &[id]).await?.pop().filter(|locked| locked.wallet.customer == customer))
}

/// What of a wallet changes, after what it is found by.
const CHANGING: [rows::Column; 12] = [
    ("tenant", Kind::Tenant),
    ("id", Kind::Id),
    ("sequence", Kind::Number),
    ("lot_count", Kind::Number),
    ("usage_count", Kind::Number),
    ("posted", Kind::Number),
    ("owed", Kind::Number),
    ("version", Kind::Number),
    ("updated_at", Kind::Time),
    ("owed_back", Kind::Number),
    ("overdraft", Kind::MaybeNumber),
    ("closes", Kind::MaybeText),
];

/// Saves what decisions changed: wallet rows, lots, transfers with their entries, and what of these goes to
/// the month's invoices.
///
/// # Errors
/// The database's.
pub async fn save_many(tx: &WriteTx, changed: &mut [Locked]) -> Result<(), AppError> {
    save_asked(tx, changed, &AskedBy::new()).await
}

/// The same, where some transfers keep the request that they are of.
///
/// # Errors
/// The database's.
pub async fn save_asked(tx: &WriteTx, changed: &mut [Locked], asked: &AskedBy) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    accrue(tx, changed).await?;
    let lots: Vec<_> = changed.iter().map(|own| (&own.wallet, own.before.lots.as_slice())).collect();
    lots::save_many(tx.conn(), &tenant, &lots).await?;
    let (mut rows, mut moved) = (Rows::new(CHANGING), Vec::new());
    for own in changed.iter_mut().filter(|own| own.wallet != own.before) {
        let wallet = &mut own.wallet;
        // Whoever has kept the lots tells by the row that they are others now.
        if wallet.version == own.before.version && wallet.lots != own.before.lots {
            return Err(AppError::Fault(format!("lots of wallet {} changed, and its version did not", wallet.id)));
        }
        rows.push([
            tenant.as_str().into(),
            wallet.id.uuid().into(),
            wallet.sequence.into(),
            wallet.lot_count.into(),
            wallet.usage_count.into(),
            wallet.posted.micros().into(),
            wallet.owed.micros().into(),
            wallet.version.into(),
            wallet.updated_at.into(),
            wallet.owed_back.micros().into(),
            wallet.overdraft.map(Money::micros).into(),
            wallet.closes.map(|month| month.to_string()).into(),
        ]);
        own.before.lots.clear();
        moved.extend(std::mem::take(&mut wallet.transfers).into_iter().map(|transfer| (wallet.id, transfer)));
    }
    rows.update(tx.conn(), "wallets", 2).await?;
    transfers::insert_many(tx.conn(), &tenant, moved, asked).await
}

/// Characters of a label: what a line of an invoice shows.
const LABEL: usize = 200;

/// Adds what transfers accrue to the months of their wallets; where a wallet had nothing to invoice, the end
/// of the month falls due.
async fn accrue(tx: &WriteTx, changed: &mut [Locked]) -> Result<(), AppError> {
    let (mut sums, mut due) = (accruals::Sums::new(), Vec::new());
    for Locked { wallet, .. } in changed {
        for transfer in &wallet.transfers {
            let month = first_of_month(day_in(tx.time().zone, transfer.recorded_at));
            for (funding, label, amount) in accrued(wallet, transfer)? {
                let zero = Money::zero(wallet.currency);
                let sum = sums.entry((wallet.id, month, funding, label.chars().take(LABEL).collect())).or_insert(zero);
                *sum = sum.plus(amount)?;
                wallet.closes = wallet.closes.or_else(|| {
                    let next = month.checked_add_months(Months::new(1)).unwrap_or(month);
                    due.push((wallet.id.to_string(), start_of_day(tx.time().zone, next)));
                    Some(month)
                });
            }
        }
    }
    schedule_many(tx, jobs::CLOSE_MONTH, &due).await?;
    accruals::add(tx.conn(), &tx.call().tenant, &sums).await
}

/// Inserts a new wallet.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &WriteTx, wallet: &Wallet) -> Result<(), AppError> {
    Entity::insert(row(&tx.call().tenant, wallet)).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// The customer's wallet in a currency.
///
/// # Errors
/// The database's.
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
///
/// # Errors
/// The database's.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    id: Id<Wallet>,
) -> Result<Option<Wallet>, AppError> {
    let found = Entity::find_by_id((tenant.to_string(), id.uuid())).filter(Column::CustomerId.eq(customer.uuid())).one(conn).await?;
    let Some(mut wallet) = found.as_ref().map(wallet).transpose()? else { return Ok(None) };
    wallet.lots = lots::live_of(conn, tenant, &[id.uuid()]).await?.remove(&id.uuid()).unwrap_or_default();
    Ok(Some(wallet))
}

/// The wallets of these ids, without their lots.
///
/// # Errors
/// The database's.
pub async fn find_many<C: ConnectionTrait>(conn: &C, tenant: &TenantId, ids: &[Id<Wallet>]) -> Result<Vec<Wallet>, AppError> {
    let ids = ids.iter().map(|id| id.uuid());
    let rows = Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.is_in(ids)).all(conn).await?;
    rows.iter().map(wallet).collect()
}

/// A customer's wallets after `after`, oldest first, with their live lots.
///
/// # Errors
/// The database's.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    after: Uuid,
    limit: u64,
) -> Result<Vec<Wallet>, AppError> {
    let rows = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(conn)
        .await?;
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut live = lots::live_of(conn, tenant, &ids).await?;
    let with_lots = |row: Model| {
        let mut wallet = wallet(&row)?;
        wallet.lots = live.remove(&wallet.id.uuid()).unwrap_or_default();
        Ok(wallet)
    };
    rows.into_iter().map(with_lots).collect()
}
