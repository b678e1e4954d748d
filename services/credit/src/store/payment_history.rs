//! Tables `known_invoices` and `known_plans`: copies, from events, of how a customer pays; features are made of them.

use chrono::NaiveDate;
use payterms_chassis::{AppError, sql};
use payterms_credit_domain::{Customer, Feature, Features};
use payterms_kernel::{Currency, Id, TenantId};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// Days over which invoices are looked at.
const DAYS: u64 = 365;

/// How an invoice stands.
#[derive(Debug, Clone)]
pub struct InvoiceStanding {
    /// The invoice.
    pub id: Uuid,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// Its currency.
    pub currency: Currency,
    /// What is paid of it, in millionths.
    pub paid: i64,
    /// What is open of it, in millionths.
    pub open: i64,
    /// When it was issued.
    pub issued_on: NaiveDate,
    /// When it falls due.
    pub due_on: NaiveDate,
    /// Whether something of it was open after its due date.
    pub late: bool,
}

/// Saves how an invoice stood on a day; once late it stays so.
pub async fn save_invoice<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: &InvoiceStanding,
    day: NaiveDate,
) -> Result<(), AppError> {
    let upsert = "INSERT INTO known_invoices (tenant, invoice_id, customer_id, currency, paid, open, issued_on, due_on, late) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant, invoice_id) DO UPDATE SET paid = excluded.paid, \
                  open = excluded.open, due_on = excluded.due_on, late = known_invoices.late OR excluded.late \
                  OR (known_invoices.open > 0 AND known_invoices.due_on < $10)";
    let values = vec![
        tenant.as_str().into(),
        invoice.id.into(),
        invoice.customer.uuid().into(),
        invoice.currency.code().into(),
        invoice.paid.into(),
        invoice.open.into(),
        invoice.issued_on.to_string().into(),
        invoice.due_on.to_string().into(),
        invoice.late.into(),
        day.to_string().into(),
    ];
    sql::exec(conn, upsert, values).await?;
    Ok(())
}

/// Deletes what is stored of an invoice.
pub async fn delete_invoice<C: ConnectionTrait>(conn: &C, tenant: &TenantId, invoice: Uuid) -> Result<(), AppError> {
    let delete = "DELETE FROM known_invoices WHERE tenant = $1 AND invoice_id = $2";
    sql::exec(conn, delete, vec![tenant.as_str().into(), invoice.into()]).await?;
    Ok(())
}

/// Saves how a plan stands; once breached it stays so.
pub async fn save_plan<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    (plan, customer): (Uuid, Id<Customer>),
    (kept, breached): (bool, bool),
) -> Result<(), AppError> {
    let upsert = "INSERT INTO known_plans (tenant, plan_id, customer_id, kept, breached) VALUES ($1, $2, $3, $4, $5) \
                  ON CONFLICT (tenant, plan_id) DO UPDATE SET kept = excluded.kept, breached = known_plans.breached OR excluded.breached";
    sql::exec(conn, upsert, vec![tenant.as_str().into(), plan.into(), customer.uuid().into(), kept.into(), breached.into()]).await?;
    Ok(())
}

/// The features of what a customer has done here.
pub async fn features<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    (customer, currency): (Id<Customer>, Currency),
    today: NaiveDate,
) -> Result<Features, AppError> {
    let since = today.checked_sub_days(chrono::Days::new(DAYS)).unwrap_or(today);
    let select = "SELECT CAST(coalesce(sum(CASE WHEN issued_on >= $4 AND (late OR (open > 0 AND due_on < $5)) THEN 1 ELSE 0 END), 0) AS bigint) AS late, \
                  CAST(coalesce(sum(CASE WHEN issued_on >= $4 AND currency = $3 THEN paid ELSE 0 END), 0) AS bigint) AS volume, \
                  CAST(coalesce(sum(CASE WHEN currency = $3 THEN open ELSE 0 END), 0) AS bigint) AS open \
                  FROM known_invoices WHERE tenant = $1 AND customer_id = $2";
    let values =
        vec![tenant.as_str().into(), customer.uuid().into(), currency.code().into(), since.to_string().into(), today.to_string().into()];
    let mut features = Features::new();
    if let Some(row) = sql::one(conn, select, values).await? {
        features.insert(Feature::PaidLate, row.try_get("", "late")?);
        features.insert(Feature::PaidVolume, row.try_get("", "volume")?);
        features.insert(Feature::OpenInvoices, row.try_get("", "open")?);
    }
    let select = "SELECT CAST(coalesce(sum(CASE WHEN kept THEN 1 ELSE 0 END), 0) AS bigint) AS kept, \
                  CAST(coalesce(sum(CASE WHEN breached THEN 1 ELSE 0 END), 0) AS bigint) AS breached \
                  FROM known_plans WHERE tenant = $1 AND customer_id = $2";
    if let Some(row) = sql::one(conn, select, vec![tenant.as_str().into(), customer.uuid().into()]).await? {
        features.insert(Feature::PlansKept, row.try_get("", "kept")?);
        features.insert(Feature::PlansBreached, row.try_get("", "breached")?);
    }
    Ok(features)
}
