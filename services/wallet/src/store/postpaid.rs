//! Table `postpaid_agreements`.

use super::{currency, unknown};
use payterms_chassis::{AppError, WriteTx, sql};
use payterms_kernel::{Id, Money, TenantId};
use payterms_wallet_domain::{
    Wallet,
    postpaid::{Agreement, AgreementState, Terms},
};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "postpaid_agreements")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    wallet_id: Uuid,
    state: String,
    commitment: i64,
    credit_limit: i64,
    currency: String,
    first_month: Option<String>,
    billed: i64,
    after_sequence: Option<i64>,
    last_sequence: Option<i64>,
    explanation: String,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn agreement(row: Model) -> Result<Agreement, AppError> {
    let currency = currency(&row.currency)?;
    let state = AgreementState::named(&row.state);
    let first_month = row
        .first_month
        .as_deref()
        .map(|month| month.parse().map_err(|_| unknown("month", month)))
        .transpose()?;
    Ok(Agreement {
        id: Id::from_uuid(row.id),
        wallet: Id::from_uuid(row.wallet_id),
        state: state.ok_or_else(|| unknown("agreement state", &row.state))?,
        terms: Terms {
            commitment: Money::from_micros(currency, row.commitment),
            limit: Money::from_micros(currency, row.credit_limit),
        },
        first_month,
        billed: u32::try_from(row.billed).unwrap_or_default(),
        after_sequence: row.after_sequence,
        last_sequence: row.last_sequence,
        explanation: row.explanation,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One agreement of a wallet.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    id: Id<Agreement>,
) -> Result<Option<Agreement>, AppError> {
    let query = Entity::find_by_id((tenant.to_string(), id.uuid()))
        .filter(Column::WalletId.eq(wallet.uuid()));
    query.one(conn).await?.map(agreement).transpose()
}

/// The agreements with these ids.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Agreement>],
) -> Result<Vec<Agreement>, AppError> {
    let ids = ids.iter().map(|id| id.uuid());
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.is_in(ids));
    query.all(conn).await?.into_iter().map(agreement).collect()
}

/// The requested or active agreement of a wallet. There is at most one, because it is only made
/// under the wallet's lock.
pub async fn live<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
) -> Result<Option<Agreement>, AppError> {
    let states = [AgreementState::Requested, AgreementState::Active].map(AgreementState::name);
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::WalletId.eq(wallet.uuid()));
    query.filter(Column::State.is_in(states)).one(conn).await?.map(agreement).transpose()
}

/// Where an entry stands to the agreements of its wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It accrued to one.
    Within,
    /// None was active then; the last entry before the next one, if there is one.
    Before(Option<i64>),
}

/// Where an entry stands to the agreements of its wallet. Those from before entries were kept are
/// found by their times.
pub async fn standing_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    sequence: i64,
) -> Result<Standing, AppError> {
    let at = |column: &str| {
        format!(
            "(SELECT COALESCE(MAX(e.sequence), 0) FROM entries e WHERE e.tenant = a.tenant AND e.wallet_id = a.wallet_id \
             AND e.recorded_at <= a.{column})"
        )
    };
    let select = format!(
        "SELECT began FROM (SELECT COALESCE(a.after_sequence, {began}) AS began, CASE WHEN a.state <> 'ACTIVE' \
         THEN COALESCE(a.last_sequence, {ended}) END AS ended FROM postpaid_agreements a WHERE a.tenant = $1 AND a.wallet_id = $2 \
         AND a.state IN ('ACTIVE', 'ENDED', 'TERMINATED')) AS own WHERE ended IS NULL OR ended >= $3 ORDER BY began LIMIT 1",
        began = at("created_at"),
        ended = at("updated_at"),
    );
    let row = sql::one(
        conn,
        &select,
        vec![tenant.as_str().into(), wallet.uuid().into(), sequence.into()],
    )
    .await?;
    let began: Option<i64> = row.map(|row| row.try_get("", "began")).transpose()?;
    Ok(if began.is_some_and(|began| began < sequence) {
        Standing::Within
    } else {
        Standing::Before(began)
    })
}

/// Agreements of a wallet below an id, newest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    before: Uuid,
    limit: u64,
) -> Result<Vec<Agreement>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::WalletId.eq(wallet.uuid()));
    let rows = query
        .filter(Column::Id.lt(before))
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(conn)
        .await?;
    rows.into_iter().map(agreement).collect()
}

/// Inserts or updates an agreement.
pub async fn save(tx: &WriteTx, agreement: &Agreement) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tx.call().tenant.to_string()),
        id: Set(agreement.id.uuid()),
        wallet_id: Set(agreement.wallet.uuid()),
        state: Set(agreement.state.name().to_owned()),
        commitment: Set(agreement.terms.commitment.micros()),
        credit_limit: Set(agreement.terms.limit.micros()),
        currency: Set(agreement.terms.limit.currency().code().to_owned()),
        first_month: Set(agreement.first_month.map(|month| month.to_string())),
        billed: Set(agreement.billed.into()),
        after_sequence: Set(agreement.after_sequence),
        last_sequence: Set(agreement.last_sequence),
        explanation: Set(agreement.explanation.clone()),
        version: Set(agreement.version),
        created_at: Set(agreement.created_at),
        updated_at: Set(agreement.updated_at),
    };
    let changing = [
        Column::State,
        Column::Commitment,
        Column::CreditLimit,
        Column::FirstMonth,
        Column::Billed,
        Column::AfterSequence,
        Column::LastSequence,
        Column::Explanation,
        Column::Version,
        Column::UpdatedAt,
    ];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(tx.conn()).await?;
    Ok(())
}
