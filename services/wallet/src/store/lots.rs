//! Table `lots`.

use super::{money, unknown};
use payterms_chassis::{
    AppError,
    rows::{self, Rows},
};
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{Lot, LotKind, TaxKind, Wallet};
use sea_orm::{QueryOrder, QuerySelect, entity::prelude::*};
use std::collections::HashMap;

payterms_chassis::table! {
    /// A row. `live` says whether it may have credit: the index of live lots holds the others no
    /// more.
    entity "lots"
    key { id: Uuid, }
    fixed {
        wallet_id: Uuid,
        sequence: i64,
        kind: String,
        tax_kind: Option<String>,
        priority: i64,
        amount: i64,
        currency: String,
        expires_at: Option<ChronoDateTimeUtc>,
        created_at: ChronoDateTimeUtc,
        description: String,
    }
    changing {
        remaining: i64,
        pinned: i64,
        live: bool,
    }
    unread {}
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn kind_name(kind: LotKind) -> &'static str {
    match kind {
        LotKind::Purchased => "PURCHASED",
        LotKind::Granted => "GRANTED",
    }
}

/// The name of a tax kind in columns.
pub(crate) fn tax_name(kind: TaxKind) -> &'static str {
    match kind {
        TaxKind::TaxedSale => "TAXED_SALE",
        TaxKind::Deposit => "DEPOSIT",
    }
}

/// The tax kind of a column.
pub(crate) fn tax_kind(name: &str) -> Result<TaxKind, AppError> {
    match name {
        "TAXED_SALE" => Ok(TaxKind::TaxedSale),
        "DEPOSIT" => Ok(TaxKind::Deposit),
        other => Err(unknown("tax kind", other)),
    }
}

fn lot(row: Model) -> Result<Lot, AppError> {
    let id = row.id;
    read(row).map_err(|error| error.in_row(Model::TABLE, id))
}

fn read(row: Model) -> Result<Lot, AppError> {
    let kind = match row.kind.as_str() {
        "PURCHASED" => LotKind::Purchased,
        "GRANTED" => LotKind::Granted,
        other => return Err(unknown("lot kind", other)),
    };
    Ok(Lot {
        id: Id::from_uuid(row.id),
        sequence: row.sequence,
        kind,
        tax_kind: row.tax_kind.as_deref().map(tax_kind).transpose()?,
        priority: u32::try_from(row.priority).unwrap_or_default(),
        amount: money(&row.currency, row.amount)?,
        remaining: money(&row.currency, row.remaining)?,
        pinned: money(&row.currency, row.pinned)?,
        expires_at: row.expires_at,
        created_at: row.created_at,
        description: row.description,
    })
}

/// The live lots of wallets, by wallet, in debit order.
pub async fn live_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallets: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Lot>>, AppError> {
    if wallets.is_empty() {
        return Ok(HashMap::new());
    }
    let (among, ids) = rows::among(conn, "wallet_id", 2, wallets);
    let select =
        format!("SELECT * FROM lots WHERE tenant = $1 AND {among} AND live AND remaining > 0");
    let rows =
        Entity::find().from_raw_sql(rows::of_tenant(conn, &select, tenant, ids)).all(conn).await?;
    let mut by_wallet: HashMap<Uuid, Vec<Lot>> = HashMap::new();
    for row in rows {
        by_wallet.entry(row.wallet_id).or_default().push(lot(row)?);
    }
    for lots in by_wallet.values_mut() {
        lots.sort_by(Lot::debit_order);
    }
    Ok(by_wallet)
}

/// Wallets after an id that have bought credit that expires, by id.
pub async fn wallets_with_expiring<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    after: Uuid,
    limit: u64,
) -> Result<Vec<Uuid>, AppError> {
    let query = Entity::find()
        .select_only()
        .column(Column::WalletId)
        .distinct()
        .filter(Column::Tenant.eq(tenant.as_str()));
    let query = query.filter(Column::Remaining.gt(0)).filter(Column::ExpiresAt.is_not_null());
    let query = query
        .filter(Column::Kind.eq(kind_name(LotKind::Purchased)))
        .filter(Column::WalletId.gt(after));
    Ok(query.order_by_asc(Column::WalletId).limit(limit).into_tuple().all(conn).await?)
}

fn row(tenant: &TenantId, wallet: &Wallet, lot: &Lot, live: bool) -> Model {
    Model {
        tenant: tenant.to_string(),
        id: lot.id.uuid(),
        wallet_id: wallet.id.uuid(),
        sequence: lot.sequence,
        kind: kind_name(lot.kind).to_owned(),
        tax_kind: lot.tax_kind.map(|kind| tax_name(kind).to_owned()),
        priority: lot.priority.into(),
        amount: lot.amount.micros(),
        currency: wallet.currency.code().to_owned(),
        expires_at: lot.expires_at,
        created_at: lot.created_at,
        description: lot.description.clone(),
        remaining: lot.remaining.micros(),
        pinned: lot.pinned.micros(),
        live,
    }
}

/// The rows of new lots, and of changed lots. A new one is live even if a debt has taken all of it
/// at once: it leaves the index with its next change, as it always has.
pub(super) fn rows(
    tenant: &TenantId,
    changed: &[(&Wallet, &[Lot])],
) -> (Rows<{ Model::WIDTH }>, Rows<{ Model::CHANGES }>) {
    let mut new_rows = Rows::new(Model::COLUMNS);
    let mut changed_rows = Rows::new(Model::CHANGING);
    for (wallet, before) in changed {
        for lot in &wallet.lots {
            match before.iter().find(|previous| previous.id == lot.id) {
                Some(previous) if previous == lot => {}
                Some(_) => changed_rows
                    .push(row(tenant, wallet, lot, lot.remaining.is_positive()).changed()),
                None => new_rows.push(row(tenant, wallet, lot, true).inserted()),
            }
        }
    }
    (new_rows, changed_rows)
}

/// Lots of these ids, used-up ones too.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Lot>, AppError> {
    let rows = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Id.is_in(ids))
        .all(conn)
        .await?;
    rows.into_iter().map(|row| Ok((row.id, lot(row)?))).collect()
}

/// One lot of a wallet, also if it is used up.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    id: Id<Lot>,
) -> Result<Option<Lot>, AppError> {
    let found = Entity::find_by_id((tenant.to_string(), id.uuid()))
        .filter(Column::WalletId.eq(wallet.uuid()))
        .one(conn)
        .await?;
    found.map(lot).transpose()
}

/// Used-up lots of a wallet after the sequence `after`, oldest first.
pub async fn used_up<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    after: i64,
    limit: u64,
) -> Result<Vec<Lot>, AppError> {
    let rows = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::WalletId.eq(wallet.uuid()))
        .filter(Column::Remaining.eq(0))
        .filter(Column::Sequence.gt(after))
        .order_by_asc(Column::Sequence)
        .limit(limit)
        .all(conn)
        .await?;
    rows.into_iter().map(lot).collect()
}
