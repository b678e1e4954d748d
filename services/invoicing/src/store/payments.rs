//! Table `payments`. What a payment is for, and by what it is paid, are tables of their own.

use super::{currency, payment_allocations, payment_tenders, unknown};
use payterms_chassis::{AppError, columns::date, marks};
use payterms_invoicing_domain::{
    Customer, Invoice, Payment, PaymentState, payment::Source, top_up::Bought,
};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::{
    ActiveValue::Set,
    QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, OnConflict},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payments")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    customer_id: Uuid,
    state: String,
    currency: String,
    taxed: bool,
    automatic: bool,
    surplus: i64,
    bought: Option<i64>,
    bought_tax: Option<i64>,
    bought_taxed: Option<bool>,
    reference: String,
    bank_details: String,
    owner: String,
    effective_on: Option<String>,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
    external_id: Option<String>,
    labels: String,
}

/// Payments by their own ids.
pub const NAMED: marks::Named =
    marks::Named { table: "payments", path: &[("customer_id", "customers"), ("id", "payments")] };

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn whole<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    rows: Vec<Model>,
) -> Result<Vec<Payment>, AppError> {
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut allocated = payment_allocations::of_payments(conn, tenant, ids.clone()).await?;
    let mut tendered = payment_tenders::of_payments(conn, tenant, ids).await?;
    let payment = |row: Model| {
        let currency = currency(&row.currency)?;
        let state = PaymentState::named(&row.state);
        Ok(Payment {
            id: Id::from_uuid(row.id),
            customer: Id::from_uuid(row.customer_id),
            state: state.ok_or_else(|| unknown("payment state", &row.state))?,
            currency,
            taxed: row.taxed,
            automatic: row.automatic,
            allocations: allocated.remove(&row.id).unwrap_or_default(),
            tenders: tendered.remove(&row.id).unwrap_or_default(),
            deferred: Vec::new(),
            surplus: Money::from_micros(currency, row.surplus),
            bought: row.bought.zip(row.bought_tax).zip(row.bought_taxed).map(
                |((amount, tax), taxed)| Bought {
                    amount: Money::from_micros(currency, amount),
                    tax: Money::from_micros(currency, tax),
                    taxed,
                },
            ),
            reference: row.reference,
            bank_details: row.bank_details,
            owner: row.owner,
            marks: marks::stored(row.external_id, &row.labels)?,
            effective_on: row.effective_on.as_deref().map(date).transpose()?,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    };
    rows.into_iter().map(payment).collect()
}

/// One payment.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Payment>,
) -> Result<Option<Payment>, AppError> {
    let row = Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?;
    Ok(whole(conn, tenant, row.into_iter().collect()).await?.pop())
}

/// Payments by their ids.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Payment>],
) -> Result<Vec<Payment>, AppError> {
    let ids = ids.iter().map(|id| id.uuid());
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.is_in(ids));
    whole(conn, tenant, query.all(conn).await?).await
}

/// Ended payments that have paid something of an invoice, newest first, locked in the order of
/// their ids.
pub async fn lock_of_invoice<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: Id<Invoice>,
) -> Result<Vec<Payment>, AppError> {
    let ids: Vec<Uuid> = payment_allocations::Entity::find()
        .select_only()
        .column(payment_allocations::Column::PaymentId)
        .filter(payment_allocations::Column::Tenant.eq(tenant.as_str()))
        .filter(payment_allocations::Column::InvoiceId.eq(invoice.uuid()))
        .filter(payment_allocations::Column::Paid.gt(0))
        .into_tuple()
        .all(conn)
        .await?;
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.is_in(ids));
    let rows = query.order_by_asc(Column::Id).lock_exclusive().all(conn).await?;
    let mut found = whole(conn, tenant, rows).await?;
    found.reverse();
    Ok(found)
}

/// The payments that wait for a transfer for an invoice, the oldest first, locked.
pub async fn lock_announced<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: Id<Invoice>,
) -> Result<Vec<Payment>, AppError> {
    let rows = processing_of(conn, tenant, invoice).await?.lock_exclusive().all(conn).await?;
    Ok(whole(conn, tenant, rows).await?.into_iter().filter(Payment::is_announced).collect())
}

/// The same, to read.
pub async fn announced<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: Id<Invoice>,
) -> Result<Vec<Payment>, AppError> {
    let rows = processing_of(conn, tenant, invoice).await?.all(conn).await?;
    Ok(whole(conn, tenant, rows).await?.into_iter().filter(Payment::is_announced).collect())
}

/// The ids of the payments of these invoices.
async fn ids_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoices: &[Id<Invoice>],
) -> Result<Vec<Uuid>, AppError> {
    let query = payment_allocations::Entity::find()
        .select_only()
        .column(payment_allocations::Column::PaymentId)
        .filter(payment_allocations::Column::Tenant.eq(tenant.as_str()))
        .filter(payment_allocations::Column::InvoiceId.is_in(invoices.iter().map(|id| id.uuid())));
    Ok(query.into_tuple().all(conn).await?)
}

/// The payments under way of an invoice, the oldest first.
async fn processing_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: Id<Invoice>,
) -> Result<Select<Entity>, AppError> {
    let ids = ids_of(conn, tenant, &[invoice]).await?;
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Id.is_in(ids))
        .filter(Column::State.eq(PaymentState::Processing.name()));
    Ok(query.order_by_asc(Column::Id))
}

/// The oldest payment under way of these invoices, with its customer.
pub async fn oldest_pending<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoices: &[Id<Invoice>],
) -> Result<Option<(Id<Customer>, Id<Payment>)>, AppError> {
    let ids = ids_of(conn, tenant, invoices).await?;
    let found: Option<(Uuid, Uuid)> = Entity::find()
        .select_only()
        .columns([Column::CustomerId, Column::Id])
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Id.is_in(ids))
        .filter(Column::State.eq(PaymentState::Processing.name()))
        .order_by_asc(Column::Id)
        .into_tuple()
        .one(conn)
        .await?;
    Ok(found.map(|(customer, payment)| (Id::from_uuid(customer), Id::from_uuid(payment))))
}

/// Transfers that were announced with these references, whatever became of them.
pub async fn announced_by_references<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    references: Vec<String>,
) -> Result<Vec<Payment>, AppError> {
    if references.is_empty() {
        return Ok(Vec::new());
    }
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Reference.is_in(references))
        // As the index says it, with the text itself: else neither database would use it.
        .filter(Expr::cust("reference <> ''"));
    let mut found = whole(conn, tenant, query.order_by_asc(Column::Id).all(conn).await?).await?;
    // What was said of a payment outside may look like one.
    found.retain(|payment| {
        payment
            .tenders
            .iter()
            .any(|tender| matches!(tender.source, Source::Announced | Source::Transfer(_)))
    });
    Ok(found)
}

/// Inserts a payment, or saves what became of it.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payment: &Payment,
) -> Result<(), AppError> {
    let code = payment.currency.code();
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(payment.id.uuid()),
        customer_id: Set(payment.customer.uuid()),
        state: Set(payment.state.name().to_owned()),
        currency: Set(code.to_owned()),
        taxed: Set(payment.taxed),
        automatic: Set(payment.automatic),
        surplus: Set(payment.surplus.micros()),
        bought: Set(payment.bought.map(|bought| bought.amount.micros())),
        bought_tax: Set(payment.bought.map(|bought| bought.tax.micros())),
        bought_taxed: Set(payment.bought.map(|bought| bought.taxed)),
        reference: Set(payment.reference.clone()),
        bank_details: Set(payment.bank_details.clone()),
        owner: Set(payment.owner.clone()),
        external_id: Set(payment.marks.external_id.clone()),
        labels: Set(marks::labels_text(&payment.marks.labels)),
        effective_on: Set(payment.effective_on.map(|day| day.to_string())),
        version: Set(payment.version),
        created_at: Set(payment.created_at),
        updated_at: Set(payment.updated_at),
    };
    let bought = [Column::Bought, Column::BoughtTax, Column::BoughtTaxed];
    let others =
        [Column::State, Column::Surplus, Column::EffectiveOn, Column::Version, Column::UpdatedAt];
    let changing = others.into_iter().chain(bought);
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    payment_allocations::save(conn, tenant, payment).await?;
    payment_tenders::save(conn, tenant, payment).await?;
    Ok(())
}
