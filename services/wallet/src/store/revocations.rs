//! Table `revocations`; a row is read and written under the lock of its wallet.

use super::{money, unknown, wallets};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{Customer, Revocation, RevocationState, Wallet, revocation::Cause};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, QueryTrait, entity::prelude::*,
    sea_query::OnConflict,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revocations")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    wallet_id: Uuid,
    lot_id: Uuid,
    restored_lot_id: Option<Uuid>,
    state: String,
    cause: String,
    amount: i64,
    currency: String,
    explanation: String,
    proposed_by: String,
    decided_by: String,
    answer: String,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn revocation(row: Model) -> Result<Revocation, AppError> {
    let state = RevocationState::named(&row.state);
    let cause = Cause::named(&row.cause);
    Ok(Revocation {
        id: Id::from_uuid(row.id),
        wallet: Id::from_uuid(row.wallet_id),
        lot: Id::from_uuid(row.lot_id),
        restored_to: row.restored_lot_id.map(Id::from_uuid),
        state: state.ok_or_else(|| unknown("revocation state", &row.state))?,
        cause: cause.ok_or_else(|| unknown("cause", &row.cause))?,
        amount: money(&row.currency, row.amount)?,
        explanation: row.explanation,
        proposed_by: row.proposed_by,
        decided_by: row.decided_by,
        answer: row.answer,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One revocation of a wallet.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    id: Id<Revocation>,
) -> Result<Option<Revocation>, AppError> {
    let found = Entity::find_by_id((tenant.to_string(), id.uuid()))
        .filter(Column::WalletId.eq(wallet.uuid()))
        .one(conn)
        .await?;
    found.map(revocation).transpose()
}

/// The revocations of these ids.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Revocation>],
) -> Result<Vec<Revocation>, AppError> {
    let ids = ids.iter().map(|id| id.uuid());
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.is_in(ids));
    query.all(conn).await?.into_iter().map(revocation).collect()
}

/// Whether credit of a wallet is withheld.
pub async fn is_any_revoked<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
) -> Result<bool, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::WalletId.eq(wallet.uuid()));
    Ok(query.filter(Column::State.eq(RevocationState::Revoked.name())).one(conn).await?.is_some())
}

/// Revocations below the id `before`, newest first: of a wallet, of a customer, or of all.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Option<Id<Customer>>,
    wallet: Option<Id<Wallet>>,
    state: Option<RevocationState>,
    before: Uuid,
    limit: u64,
) -> Result<Vec<Revocation>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Id.lt(before))
        .apply_if(wallet, |query, wallet| query.filter(Column::WalletId.eq(wallet.uuid())))
        .apply_if(customer, |query, customer| {
            query
                .filter(Column::WalletId.in_subquery(wallets::of_customer(tenant, customer.uuid())))
        })
        .apply_if(state, |query, state| query.filter(Column::State.eq(state.name())));
    query
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(conn)
        .await?
        .into_iter()
        .map(revocation)
        .collect()
}

/// Inserts or updates a revocation.
pub async fn save(tx: &WriteTx, revocation: &Revocation) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tx.call().tenant.to_string()),
        id: Set(revocation.id.uuid()),
        wallet_id: Set(revocation.wallet.uuid()),
        lot_id: Set(revocation.lot.uuid()),
        restored_lot_id: Set(revocation.restored_to.map(Id::uuid)),
        state: Set(revocation.state.name().to_owned()),
        cause: Set(revocation.cause.name().to_owned()),
        amount: Set(revocation.amount.micros()),
        currency: Set(revocation.amount.currency().code().to_owned()),
        explanation: Set(revocation.explanation.clone()),
        proposed_by: Set(revocation.proposed_by.clone()),
        decided_by: Set(revocation.decided_by.clone()),
        answer: Set(revocation.answer.clone()),
        version: Set(revocation.version),
        created_at: Set(revocation.created_at),
        updated_at: Set(revocation.updated_at),
    };
    let changing = [
        Column::RestoredLotId,
        Column::State,
        Column::DecidedBy,
        Column::Answer,
        Column::Version,
        Column::UpdatedAt,
    ];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(tx.conn()).await?;
    Ok(())
}
