//! Table `plan_history`: each change of a plan's state, with who made it, when and why. Rows never
//! change.

use payterms_chassis::{
    AppError,
    columns::{side, unknown},
};
use payterms_kernel::{Id, TenantId};
use payterms_plans_domain::{Actor, Customer, Plan, PlanState, Transition, Verb};
use sea_orm::{ActiveValue::Set, JoinType, QueryOrder, QuerySelect, entity::prelude::*};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "plan_history")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    plan_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    sequence: i64,
    verb: String,
    from_state: String,
    to_state: String,
    side: String,
    subject: String,
    explanation: String,
    at: ChronoDateTimeUtc,
}

/// A row belongs to a plan.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The plan.
    #[sea_orm(
        belongs_to = "super::plans::Entity",
        from = "(Column::Tenant, Column::PlanId)",
        to = "(super::plans::Column::Tenant, super::plans::Column::Id)"
    )]
    Plan,
}

impl ActiveModelBehavior for ActiveModel {}

/// A state by its name.
pub(super) fn state(name: &str) -> Result<PlanState, AppError> {
    PlanState::named(name).ok_or_else(|| unknown("plan state", name))
}

/// A verb by its name.
pub(super) fn verb(name: &str) -> Result<Verb, AppError> {
    Verb::named(name).ok_or_else(|| unknown("verb", name))
}

fn transition(row: Model) -> Result<(i64, Transition), AppError> {
    let transition = Transition {
        verb: verb(&row.verb)?,
        from: state(&row.from_state)?,
        to: state(&row.to_state)?,
        by: Actor { side: side(&row.side)?, subject: row.subject },
        explanation: row.explanation,
        at: row.at,
    };
    Ok((row.sequence, transition))
}

/// Changes of a plan's state after a sequence number, oldest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    plan: Id<Plan>,
    after: i64,
    limit: u64,
) -> Result<Vec<(i64, Transition)>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::PlanId.eq(plan.uuid()));
    let query =
        query.filter(Column::Sequence.gt(after)).order_by_asc(Column::Sequence).limit(limit);
    query.all(conn).await?.into_iter().map(transition).collect()
}

/// When a customer last breached a plan.
pub async fn last_breach<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
) -> Result<Option<ChronoDateTimeUtc>, AppError> {
    let query = Entity::find()
        .join(JoinType::InnerJoin, Relation::Plan.def())
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Verb.eq(Verb::Breach.name()))
        .filter(super::plans::Column::CustomerId.eq(customer.uuid()));
    Ok(query.order_by_desc(Column::At).limit(1).one(conn).await?.map(|row| row.at))
}

/// Appends the changes of state since the plan was loaded. The plan's row is locked, so the numbers
/// are unique.
pub(super) async fn append<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    plan: &Plan,
) -> Result<(), AppError> {
    if plan.transitions.is_empty() {
        return Ok(());
    }
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::PlanId.eq(plan.id.uuid()));
    let last: Option<Option<i64>> = query
        .select_only()
        .column_as(Column::Sequence.max(), "last")
        .into_tuple()
        .one(conn)
        .await?;
    let first = last.flatten().unwrap_or_default().saturating_add(1);
    let rows = (first..).zip(&plan.transitions).map(|(sequence, transition)| ActiveModel {
        tenant: Set(tenant.to_string()),
        plan_id: Set(plan.id.uuid()),
        sequence: Set(sequence),
        verb: Set(transition.verb.name().to_owned()),
        from_state: Set(transition.from.name().to_owned()),
        to_state: Set(transition.to.name().to_owned()),
        side: Set(transition.by.side.name().to_owned()),
        subject: Set(transition.by.subject.clone()),
        explanation: Set(transition.explanation.clone()),
        at: Set(transition.at),
    });
    Entity::insert_many(rows).exec_without_returning(conn).await?;
    Ok(())
}
