//! Table `approvals`.

use super::{currency, unknown};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{
    Approval, Customer, Invoice,
    approval::{ApprovalState, Proposal},
};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "approvals")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    invoice_id: Uuid,
    customer_id: Uuid,
    kind: String,
    amount: i64,
    currency: String,
    state: String,
    reason: String,
    proposed_by: String,
    decided_by: String,
    explanation: String,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

const WRITE_OFF: &str = "WRITE_OFF";
const CREDIT_NOTE: &str = "CREDIT_NOTE";

/// An approval, and whose invoice it is about.
pub type OfCustomer = (Approval, Id<Customer>);

fn approval(row: Model) -> Result<OfCustomer, AppError> {
    let amount = Money::from_micros(currency(&row.currency)?, row.amount);
    let state = ApprovalState::named(&row.state);
    let approval = Approval {
        id: Id::from_uuid(row.id),
        invoice: Id::from_uuid(row.invoice_id),
        proposal: match row.kind.as_str() {
            WRITE_OFF => Proposal::WriteOff(amount),
            CREDIT_NOTE => Proposal::CreditNote(amount),
            other => return Err(unknown("approval kind", other)),
        },
        state: state.ok_or_else(|| unknown("approval state", &row.state))?,
        explanation: row.reason,
        proposed_by: row.proposed_by,
        decided_by: row.decided_by,
        decision_explanation: row.explanation,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    };
    Ok((approval, Id::from_uuid(row.customer_id)))
}

/// One approval.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Approval>,
) -> Result<Option<OfCustomer>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(approval).transpose()
}

/// One approval, its row locked.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Approval>,
) -> Result<Option<OfCustomer>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid()))
        .lock_exclusive()
        .one(conn)
        .await?
        .map(approval)
        .transpose()
}

/// Approvals below an id, newest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    state: Option<ApprovalState>,
    before: Uuid,
    limit: u64,
) -> Result<Vec<OfCustomer>, AppError> {
    let mut query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.lt(before));
    if let Some(state) = state {
        query = query.filter(Column::State.eq(state.name()));
    }
    query
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(conn)
        .await?
        .into_iter()
        .map(approval)
        .collect()
}

/// What is proposed of an invoice and waits for a second person, oldest first.
pub async fn waiting_for<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: Id<Invoice>,
) -> Result<Vec<Approval>, AppError> {
    let waiting = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::State.eq(ApprovalState::Proposed.name()));
    let rows = waiting
        .filter(Column::InvoiceId.eq(invoice.uuid()))
        .order_by_asc(Column::Id)
        .all(conn)
        .await?;
    rows.into_iter().map(|row| Ok(approval(row)?.0)).collect()
}

/// Inserts an approval, or saves its answer.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    approval: &Approval,
    customer: Id<Customer>,
) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(approval.id.uuid()),
        invoice_id: Set(approval.invoice.uuid()),
        customer_id: Set(customer.uuid()),
        kind: Set(if matches!(approval.proposal, Proposal::WriteOff(_)) {
            WRITE_OFF
        } else {
            CREDIT_NOTE
        }
        .to_owned()),
        amount: Set(approval.proposal.amount().micros()),
        currency: Set(approval.proposal.amount().currency().code().to_owned()),
        state: Set(approval.state.name().to_owned()),
        reason: Set(approval.explanation.clone()),
        proposed_by: Set(approval.proposed_by.clone()),
        decided_by: Set(approval.decided_by.clone()),
        explanation: Set(approval.decision_explanation.clone()),
        version: Set(approval.version),
        created_at: Set(approval.created_at),
        updated_at: Set(approval.updated_at),
    };
    let changing = [
        Column::State,
        Column::Amount,
        Column::DecidedBy,
        Column::Explanation,
        Column::Version,
        Column::UpdatedAt,
    ];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}
