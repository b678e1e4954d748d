//! Table `plans`. Plans are loaded and saved together with their invoices and offers.

use super::{collection_waits, covered_invoices, offers, plan_history};
use chrono::NaiveDate;
use payterms_chassis::{
    AppError,
    columns::{currency, date, money, side},
    marks,
};
use payterms_kernel::{Id, Money, TenantId, ladder::Ladder};
use payterms_plans_domain::{
    Actor, Customer, Plan, PlanState,
    collection::Attempt,
    on_time::{Breaches, Restart},
    plan::PendingTransition,
};
use sea_orm::{
    ActiveValue::Set, Iterable, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};

/// The value of column `moving` while blocks are lifted. While they are set, it is the name of the
/// verb.
const LIFT: &str = "LIFT";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "plans")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a row of flags that have nothing to do with each other"
)]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    customer_id: Uuid,
    state: String,
    currency: String,
    collect_automatically: bool,
    note: String,
    explanation: String,
    answer_days: i64,
    grace_days: i64,
    accelerates: bool,
    answer_by: Option<ChronoDateTimeUtc>,
    late_since: Option<String>,
    breached_on: Option<String>,
    reinstated_on: Option<String>,
    breach_count: i64,
    breach_last_day: Option<String>,
    breach_disproved: bool,
    breach_disproved_at: Option<i64>,
    restart_refused: bool,
    paid_at_completion: Option<i64>,
    attempt_id: Option<Uuid>,
    attempt_under_way: bool,
    attempt_amount: i64,
    attempt_later: i64,
    attempt_told_at: Option<ChronoDateTimeUtc>,
    attempt_failures: i64,
    attempt_first_failed_at: Option<ChronoDateTimeUtc>,
    next_attempt_is_last: bool,
    attempt_next_at: Option<ChronoDateTimeUtc>,
    attempt_waits: bool,
    attempt_reason: String,
    attempt_through: Option<String>,
    moving: String,
    moving_side: String,
    moving_subject: String,
    moving_explanation: String,
    moves: i64,
    next_due: Option<String>,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
    external_id: Option<String>,
    labels: String,
}

/// Plans by their own ids.
pub const NAMED: marks::Named =
    marks::Named { table: "plans", path: &[("customer_id", "customers"), ("id", "plans")] };

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn pending_transition(row: &Model) -> Result<Option<PendingTransition>, AppError> {
    Ok(match row.moving.as_str() {
        "" => None,
        LIFT => Some(PendingTransition::Lift),
        verb => Some(PendingTransition::Block {
            verb: plan_history::verb(verb)?,
            by: Actor { side: side(&row.moving_side)?, subject: row.moving_subject.clone() },
            explanation: row.moving_explanation.clone(),
        }),
    })
}

fn day(text: Option<&String>) -> Result<Option<NaiveDate>, AppError> {
    text.map(|text| date(text)).transpose()
}

/// The plans of rows, with their invoices, their offers and what their collection waits for.
pub(super) async fn load_parts<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    rows: Vec<Model>,
) -> Result<Vec<Plan>, AppError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut covered = covered_invoices::of_plans(conn, tenant, &ids).await?;
    let mut offers = offers::of_plans(conn, tenant, &ids).await?;
    let customers: Vec<_> = rows.iter().map(|row| row.customer_id).collect();
    let waits = collection_waits::of_customers(conn, tenant, &customers).await?;
    let small = |number: i64| u32::try_from(number).unwrap_or_default();
    let plan = |row: Model| {
        let fault = || AppError::Fault(format!("plan {} without an offer", row.id));
        Ok(Plan {
            id: Id::from_uuid(row.id),
            customer: Id::from_uuid(row.customer_id),
            state: plan_history::state(&row.state)?,
            currency: currency(&row.currency)?,
            covered: covered.remove(&row.id).unwrap_or_default(),
            offer: offers.remove(&(row.id, 1)).ok_or_else(fault)?,
            counter: offers.remove(&(row.id, 2)),
            collect_automatically: row.collect_automatically,
            collected_from: waits.get(&row.customer_id).copied(),
            answer_days: small(row.answer_days),
            grace_days: small(row.grace_days),
            accelerates: row.accelerates,
            answer_by: row.answer_by,
            late_since: day(row.late_since.as_ref())?,
            breached_on: day(row.breached_on.as_ref())?,
            reinstated_on: day(row.reinstated_on.as_ref())?,
            breaches: Breaches {
                count: small(row.breach_count),
                last_day: day(row.breach_last_day.as_ref())?,
                disproved: row.breach_disproved,
                disproved_at: row
                    .breach_disproved_at
                    .map(|micros| money(&row.currency, micros))
                    .transpose()?,
            },
            restart: Restart {
                refused: row.restart_refused,
                paid_at_completion: row
                    .paid_at_completion
                    .map(|micros| money(&row.currency, micros))
                    .transpose()?,
            },
            attempt: Attempt {
                id: row.attempt_id,
                under_way: row.attempt_under_way,
                amount: row.attempt_amount,
                later: row.attempt_later,
                announced_at: row.attempt_told_at,
                ladder: Ladder {
                    attempts: small(row.attempt_failures),
                    first_failed_at: row.attempt_first_failed_at,
                    next_is_last: row.next_attempt_is_last,
                },
                next_at: row.attempt_next_at,
                waits: row.attempt_waits,
                reason: row.attempt_reason.clone(),
                through: day(row.attempt_through.as_ref())?,
            },
            pending_transition: pending_transition(&row)?,
            moves: row.moves,
            transitions: Vec::new(),
            marks: marks::stored(row.external_id, &row.labels)?,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
            note: row.note,
            explanation: row.explanation,
        })
    };
    rows.into_iter().map(plan).collect()
}

/// Plans by their ids.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Plan>],
) -> Result<Vec<Plan>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
    load_parts(conn, tenant, query.all(conn).await?).await
}

/// One plan, its row locked.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Plan>,
) -> Result<Option<Plan>, AppError> {
    let row =
        Entity::find_by_id((tenant.to_string(), id.uuid())).lock_exclusive().one(conn).await?;
    Ok(load_parts(conn, tenant, row.into_iter().collect()).await?.pop())
}

/// The plan that made an attempt to collect.
pub async fn of_attempt<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    attempt: Uuid,
) -> Result<Option<Id<Plan>>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::AttemptId.eq(attempt));
    let id: Option<Uuid> = query.select_only().column(Column::Id).into_tuple().one(conn).await?;
    Ok(id.map(Id::from_uuid))
}

/// The running plans of a customer whose collection has stopped after a failure, locked in the
/// order of their ids.
pub async fn lock_stopped<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
) -> Result<Vec<Plan>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::State.is_in([PlanState::Active, PlanState::InGrace].map(PlanState::name)))
        .filter(Column::AttemptReason.ne(""))
        .filter(Column::AttemptNextAt.is_null());
    load_parts(conn, tenant, query.order_by_asc(Column::Id).lock_exclusive().all(conn).await?).await
}

/// The running plans of a customer that are collected automatically, locked in the order of their
/// ids.
pub async fn lock_collected<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
) -> Result<Vec<Plan>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::State.is_in([PlanState::Active, PlanState::InGrace].map(PlanState::name)))
        .filter(Column::CollectAutomatically.eq(true));
    load_parts(conn, tenant, query.order_by_asc(Column::Id).lock_exclusive().all(conn).await?).await
}

/// When the next instalment of a running plan falls due.
pub(super) fn next_due(plan: &Plan) -> Option<NaiveDate> {
    plan.next_instalment()
        .map(|(_, instalment)| instalment.due_on)
        .filter(|_| plan.state.is_running())
}

/// Inserts or updates a plan, and appends its changes of state to the history.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    plan: &Plan,
) -> Result<(), AppError> {
    let (pending, by, explanation) = match &plan.pending_transition {
        None => (String::new(), None, String::new()),
        Some(PendingTransition::Lift) => (LIFT.to_owned(), None, String::new()),
        Some(PendingTransition::Block { verb, by, explanation }) => {
            (verb.name().to_owned(), Some(by), explanation.clone())
        }
    };
    let next_due = next_due(plan);
    let day = |day: Option<NaiveDate>| day.map(|day| day.to_string());
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(plan.id.uuid()),
        customer_id: Set(plan.customer.uuid()),
        state: Set(plan.state.name().to_owned()),
        currency: Set(plan.currency.code().to_owned()),
        collect_automatically: Set(plan.collect_automatically),
        note: Set(plan.note.clone()),
        explanation: Set(plan.explanation.clone()),
        answer_days: Set(plan.answer_days.into()),
        grace_days: Set(plan.grace_days.into()),
        accelerates: Set(plan.accelerates),
        answer_by: Set(plan.answer_by),
        late_since: Set(day(plan.late_since)),
        breached_on: Set(day(plan.breached_on)),
        reinstated_on: Set(day(plan.reinstated_on)),
        breach_count: Set(plan.breaches.count.into()),
        breach_last_day: Set(day(plan.breaches.last_day)),
        breach_disproved: Set(plan.breaches.disproved),
        breach_disproved_at: Set(plan.breaches.disproved_at.map(Money::micros)),
        restart_refused: Set(plan.restart.refused),
        paid_at_completion: Set(plan.restart.paid_at_completion.map(Money::micros)),
        attempt_id: Set(plan.attempt.id),
        attempt_under_way: Set(plan.attempt.under_way),
        attempt_amount: Set(plan.attempt.amount),
        attempt_later: Set(plan.attempt.later),
        attempt_told_at: Set(plan.attempt.announced_at),
        attempt_failures: Set(plan.attempt.ladder.attempts.into()),
        attempt_first_failed_at: Set(plan.attempt.ladder.first_failed_at),
        next_attempt_is_last: Set(plan.attempt.ladder.next_is_last),
        attempt_next_at: Set(plan.attempt.next_at),
        attempt_waits: Set(plan.attempt.waits),
        attempt_reason: Set(plan.attempt.reason.clone()),
        attempt_through: Set(day(plan.attempt.through)),
        moving: Set(pending),
        moving_side: Set(by.map(|by| by.side.name().to_owned()).unwrap_or_default()),
        moving_subject: Set(by.map(|by| by.subject.clone()).unwrap_or_default()),
        moving_explanation: Set(explanation),
        moves: Set(plan.moves),
        next_due: Set(day(next_due)),
        external_id: Set(plan.marks.external_id.clone()),
        labels: Set(marks::labels_text(&plan.marks.labels)),
        version: Set(plan.version),
        created_at: Set(plan.created_at),
        updated_at: Set(plan.updated_at),
    };
    let fixed = |column: &Column| {
        matches!(
            column,
            Column::Tenant | Column::Id | Column::CustomerId | Column::Currency | Column::CreatedAt
        )
    };
    let changing = Column::iter().filter(|column| !fixed(column));
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    covered_invoices::save(conn, tenant, plan).await?;
    offers::save(conn, tenant, plan).await?;
    plan_history::append(conn, tenant, plan).await
}

/// Deletes a plan that was never sent.
pub async fn delete<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Plan>,
) -> Result<(), AppError> {
    offers::delete(conn, tenant, id).await?;
    covered_invoices::delete(conn, tenant, id).await?;
    Entity::delete_by_id((tenant.to_string(), id.uuid())).exec(conn).await?;
    Ok(())
}
