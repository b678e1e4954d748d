//! Table `line_history`: who led a line from where to where, when and why. Rows never change.

use super::lines::state;
use payterms_chassis::{
    AppError,
    columns::{money, side},
};
use payterms_credit_domain::{Line, Taken};
use payterms_kernel::{Actor, Id, TenantId};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "line_history")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    line_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    sequence: i64,
    verb: String,
    from_state: Option<String>,
    to_state: String,
    side: String,
    subject: String,
    currency: String,
    credit_limit: i64,
    explanation: String,
    at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn entry(row: Model) -> Result<(i64, Taken), AppError> {
    let taken = Taken {
        verb: row.verb,
        from: row.from_state.as_deref().map(state).transpose()?,
        to: state(&row.to_state)?,
        by: Actor { side: side(&row.side)?, subject: row.subject },
        limit: money(&row.currency, row.credit_limit)?,
        explanation: row.explanation,
        at: row.at,
    };
    Ok((row.sequence, taken))
}

/// Entries of a line after a sequence, oldest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    line: Id<Line>,
    after: i64,
    limit: u64,
) -> Result<Vec<(i64, Taken)>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::LineId.eq(line.uuid()));
    let query =
        query.filter(Column::Sequence.gt(after)).order_by_asc(Column::Sequence).limit(limit);
    query.all(conn).await?.into_iter().map(entry).collect()
}

/// Appends the edges that were taken since the line was loaded.
pub(super) async fn append<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    line: &Line,
) -> Result<(), AppError> {
    if line.taken.is_empty() {
        return Ok(());
    }
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::LineId.eq(line.id.uuid()));
    let last: Option<Option<i64>> = query
        .select_only()
        .column_as(Column::Sequence.max(), "last")
        .into_tuple()
        .one(conn)
        .await?;
    let first = last.flatten().unwrap_or_default().saturating_add(1);
    let rows = (first..).zip(&line.taken).map(|(sequence, taken)| ActiveModel {
        tenant: Set(tenant.to_string()),
        line_id: Set(line.id.uuid()),
        sequence: Set(sequence),
        verb: Set(taken.verb.clone()),
        from_state: Set(taken.from.map(|state| state.name().to_owned())),
        to_state: Set(taken.to.name().to_owned()),
        side: Set(taken.by.side.name().to_owned()),
        subject: Set(taken.by.subject.clone()),
        currency: Set(taken.limit.currency().code().to_owned()),
        credit_limit: Set(taken.limit.micros()),
        explanation: Set(taken.explanation.clone()),
        at: Set(taken.at),
    });
    Entity::insert_many(rows).exec_without_returning(conn).await?;
    Ok(())
}
