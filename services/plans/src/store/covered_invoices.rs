//! Table `covered_invoices`: the invoices of each plan, with their newest amounts.

use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError,
    columns::{currency, date, dated_amounts, dated_amounts_text, money},
};
use payterms_kernel::{Id, TenantId};
use payterms_plans_domain::{Covered, Invoice, Plan};
use sea_orm::{
    ActiveValue::Set, FromQueryResult, QueryOrder, QuerySelect, entity::prelude::*,
    sea_query::OnConflict,
};
use std::collections::HashMap;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "covered_invoices")]
/// A row. `live`: the plan holds the invoice; a unique index allows one such row for each invoice.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    plan_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    invoice_id: Uuid,
    place: i64,
    number: String,
    due_on: String,
    covered: i64,
    paid_before: i64,
    open: i64,
    paid: i64,
    currency: String,
    expected: i64,
    revision: i64,
    live: bool,
    proposed_at: ChronoDateTimeUtc,
    paid_by_day: String,
    no_consequence_before: Option<String>,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn covered(row: Model) -> Result<(Uuid, Covered), AppError> {
    let money = |micros| money(&row.currency, micros);
    let covered = Covered {
        invoice: Id::from_uuid(row.invoice_id),
        due_on: date(&row.due_on)?,
        covered: money(row.covered)?,
        paid_before: money(row.paid_before)?,
        open: money(row.open)?,
        paid: money(row.paid)?,
        paid_by_day: dated_amounts(currency(&row.currency)?, &row.paid_by_day)?,
        no_consequence_before: row.no_consequence_before.as_deref().map(date).transpose()?,
        expected: money(row.expected)?,
        revision: row.revision,
        number: row.number,
    };
    Ok((row.plan_id, covered))
}

/// The covered invoices by plan, each list in its stored order.
pub(super) async fn of_plans<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    plans: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Covered>>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::PlanId.is_in(plans.to_vec()));
    let mut by_plan: HashMap<Uuid, Vec<Covered>> = HashMap::new();
    for row in query.order_by_asc(Column::Place).all(conn).await? {
        let (plan, invoice) = covered(row)?;
        by_plan.entry(plan).or_default().push(invoice);
    }
    Ok(by_plan)
}

/// Plans that cover an invoice. They are ordered by id, so that all callers lock them in the same
/// order.
pub async fn plans_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: Id<Invoice>,
) -> Result<Vec<Id<Plan>>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::InvoiceId.eq(invoice.uuid()));
    let ids: Vec<Uuid> = query
        .select_only()
        .column(Column::PlanId)
        .order_by_asc(Column::PlanId)
        .into_tuple()
        .all(conn)
        .await?;
    Ok(ids.into_iter().map(Id::from_uuid).collect())
}

#[derive(Debug, FromQueryResult)]
struct ProposalCount {
    invoice_id: Uuid,
    proposals: i64,
}

/// How often each invoice was proposed since a time.
pub async fn proposals<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoices: &[Id<Invoice>],
    since: DateTime<Utc>,
) -> Result<HashMap<Uuid, u32>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::InvoiceId.is_in(invoices.iter().map(|id| id.uuid())))
        .filter(Column::ProposedAt.gt(since));
    let counted = query
        .select_only()
        .column(Column::InvoiceId)
        .column_as(Column::PlanId.count(), "proposals")
        .group_by(Column::InvoiceId)
        .into_model::<ProposalCount>()
        .all(conn)
        .await?;
    Ok(counted
        .into_iter()
        .map(|row| (row.invoice_id, u32::try_from(row.proposals).unwrap_or(u32::MAX)))
        .collect())
}

/// The invoices among `invoices` that a live plan holds, each with the plan.
pub async fn held_by_live_plans<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoices: &[Id<Invoice>],
) -> Result<HashMap<Uuid, Id<Plan>>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::InvoiceId.is_in(invoices.iter().map(|id| id.uuid())))
        .filter(Column::Live.eq(true));
    let columns = query.select_only().column(Column::InvoiceId).column(Column::PlanId);
    let held: Vec<(Uuid, Uuid)> = columns.into_tuple().all(conn).await?;
    Ok(held.into_iter().map(|(invoice, plan)| (invoice, Id::from_uuid(plan))).collect())
}

/// Saves the invoices of a plan.
///
/// # Errors
/// The database's, also if another live plan holds one of the invoices: a unique index forbids it.
pub(super) async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    plan: &Plan,
) -> Result<(), AppError> {
    let rows = (1_i64..).zip(&plan.covered).map(|(index, invoice)| ActiveModel {
        tenant: Set(tenant.to_string()),
        plan_id: Set(plan.id.uuid()),
        invoice_id: Set(invoice.invoice.uuid()),
        place: Set(index),
        number: Set(invoice.number.clone()),
        due_on: Set(invoice.due_on.to_string()),
        covered: Set(invoice.covered.micros()),
        paid_before: Set(invoice.paid_before.micros()),
        open: Set(invoice.open.micros()),
        paid: Set(invoice.paid.micros()),
        currency: Set(plan.currency.code().to_owned()),
        expected: Set(invoice.expected.micros()),
        revision: Set(invoice.revision),
        live: Set(plan.state.is_live()),
        proposed_at: Set(plan.created_at),
        paid_by_day: Set(dated_amounts_text(&invoice.paid_by_day)),
        no_consequence_before: Set(invoice.no_consequence_before.map(|day| day.to_string())),
    });
    let changing = [
        Column::DueOn,
        Column::Covered,
        Column::PaidBefore,
        Column::Open,
        Column::Paid,
        Column::Expected,
        Column::Revision,
        Column::Live,
        Column::PaidByDay,
        Column::NoConsequenceBefore,
    ];
    let upsert = OnConflict::columns([Column::Tenant, Column::PlanId, Column::InvoiceId])
        .update_columns(changing)
        .to_owned();
    Entity::insert_many(rows).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}

/// Deletes the invoices of a plan that was never sent.
pub(super) async fn delete<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    plan: Id<Plan>,
) -> Result<(), AppError> {
    let query = Entity::delete_many()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::PlanId.eq(plan.uuid()));
    query.exec(conn).await?;
    Ok(())
}
