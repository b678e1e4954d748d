//! Table `statements`: written once, never changed.

use super::{
    currency, date,
    parties::{party, party_text},
};
use chrono::NaiveDate;
use payterms_chassis::AppError;
use payterms_invoicing_domain::{Customer, Party, Statement, statement::Moved};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "statements")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    customer_id: Uuid,
    currency: String,
    month: String,
    opening: i64,
    issued: i64,
    credited: i64,
    written_off: i64,
    paid: i64,
    given_back: i64,
    closing: i64,
    seller: String,
    buyer: String,
    created_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A party; none in rows from before it was kept.
fn kept(text: &str) -> Result<Option<Party>, AppError> {
    if text.is_empty() { Ok(None) } else { party(text).map(Some) }
}

fn statement(row: &Model) -> Result<Statement, AppError> {
    let currency = currency(&row.currency)?;
    let money = |micros| Money::from_micros(currency, micros);
    Ok(Statement {
        id: Id::from_uuid(row.id),
        customer: Id::from_uuid(row.customer_id),
        month: date(&row.month)?,
        opening: money(row.opening),
        moved: Moved {
            issued: money(row.issued),
            credited: money(row.credited),
            written_off: money(row.written_off),
            paid: money(row.paid),
            given_back: money(row.given_back),
        },
        closing: money(row.closing),
        seller: kept(&row.seller)?,
        buyer: kept(&row.buyer)?,
        created_at: row.created_at,
    })
}

/// One statement.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Statement>,
) -> Result<Option<Statement>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid()))
        .one(conn)
        .await?
        .as_ref()
        .map(statement)
        .transpose()
}

/// A customer's statements of a month.
pub async fn of_month<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    month: NaiveDate,
) -> Result<Vec<Statement>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::Month.eq(month.to_string()));
    query.order_by_asc(Column::Currency).all(conn).await?.iter().map(statement).collect()
}

/// Customers with statements of a month, of those after one id and up to another.
pub async fn customers<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    month: NaiveDate,
    after: Uuid,
    last: Uuid,
) -> Result<Vec<Id<Customer>>, AppError> {
    let query = Entity::find()
        .select_only()
        .column(Column::CustomerId)
        .distinct()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Month.eq(month.to_string()))
        .filter(Column::CustomerId.gt(after))
        .filter(Column::CustomerId.lte(last));
    let ids: Vec<Uuid> = query.order_by_asc(Column::CustomerId).into_tuple().all(conn).await?;
    Ok(ids.into_iter().map(Id::from_uuid).collect())
}

/// Statements of a customer below an id, newest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    before: Uuid,
    limit: u64,
) -> Result<Vec<Statement>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::Id.lt(before));
    query.order_by_desc(Column::Id).limit(limit).all(conn).await?.iter().map(statement).collect()
}

/// Inserts statements.
pub async fn insert_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    statements: &[Statement],
) -> Result<(), AppError> {
    let row = |statement: &Statement| {
        Ok::<_, AppError>(ActiveModel {
            tenant: Set(tenant.to_string()),
            id: Set(statement.id.uuid()),
            customer_id: Set(statement.customer.uuid()),
            currency: Set(statement.currency().code().to_owned()),
            month: Set(statement.month.to_string()),
            opening: Set(statement.opening.micros()),
            issued: Set(statement.moved.issued.micros()),
            credited: Set(statement.moved.credited.micros()),
            written_off: Set(statement.moved.written_off.micros()),
            paid: Set(statement.moved.paid.micros()),
            given_back: Set(statement.moved.given_back.micros()),
            closing: Set(statement.closing.micros()),
            seller: Set(party_text(statement.seller.as_ref())?),
            buyer: Set(party_text(statement.buyer.as_ref())?),
            created_at: Set(statement.created_at),
        })
    };
    let rows: Vec<_> = statements.iter().map(row).collect::<Result<_, _>>()?;
    if !rows.is_empty() {
        Entity::insert_many(rows).exec_without_returning(conn).await?;
    }
    Ok(())
}
