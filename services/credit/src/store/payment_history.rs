//! Tables `known_invoices`, `known_plans` and `known_plan_invoices`: copies, from events, of how a
//! customer pays; features are made of them.

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
    /// Whether the last payment that stands was effective after its due date.
    pub late: bool,
    /// The day from which anything follows from what is open of it.
    pub no_consequence_before: Option<NaiveDate>,
    /// Whether something of it was written off.
    pub written_off: bool,
}

/// How a payment plan stands.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
pub struct PlanStanding {
    /// The plan.
    pub id: Uuid,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// Whether it was completed, and something of it paid.
    pub kept: bool,
    /// Whether it was breached, and nothing disproves it.
    pub breached: bool,
    /// Whether its dates count instead of the invoices' own: it runs, or was completed.
    pub holds: bool,
    /// Whether an instalment was not paid by its date.
    pub missed: bool,
    /// The invoices that it covers.
    pub invoices: Vec<Uuid>,
}

/// Saves how an invoice stands. Nothing stays from before: an event may disprove what was known,
/// such as that it was paid late.
pub async fn save_invoice<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: &InvoiceStanding,
) -> Result<(), AppError> {
    let upsert = "INSERT INTO known_invoices (tenant, invoice_id, customer_id, currency, paid, open, issued_on, due_on, late, written_off, \
                  no_consequence_before) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (tenant, invoice_id) DO UPDATE SET \
                  paid = excluded.paid, open = excluded.open, due_on = excluded.due_on, late = excluded.late, \
                  written_off = excluded.written_off, no_consequence_before = excluded.no_consequence_before";
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
        invoice.written_off.into(),
        invoice.no_consequence_before.map(|day| day.to_string()).into(),
    ];
    sql::exec(conn, upsert, values).await?;
    Ok(())
}

/// Deletes what is stored of an invoice.
pub async fn delete_invoice<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: Uuid,
) -> Result<(), AppError> {
    let delete = "DELETE FROM known_invoices WHERE tenant = $1 AND invoice_id = $2";
    sql::exec(conn, delete, vec![tenant.as_str().into(), invoice.into()]).await?;
    Ok(())
}

/// Saves how a plan stands. Plans itself says what was missed or breached over its whole life, and
/// takes it back.
pub async fn save_plan<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    plan: &PlanStanding,
) -> Result<(), AppError> {
    let upsert = "INSERT INTO known_plans (tenant, plan_id, customer_id, kept, breached, holds, missed) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                  ON CONFLICT (tenant, plan_id) DO UPDATE SET kept = excluded.kept, breached = excluded.breached, \
                  holds = excluded.holds, missed = excluded.missed";
    let flags = [plan.kept, plan.breached, plan.holds, plan.missed].map(Into::into);
    let values =
        [vec![tenant.as_str().into(), plan.id.into(), plan.customer.uuid().into()], flags.to_vec()]
            .concat();
    sql::exec(conn, upsert, values).await?;
    let insert = "INSERT INTO known_plan_invoices (tenant, plan_id, invoice_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    for invoice in &plan.invoices {
        sql::exec(conn, insert, vec![tenant.as_str().into(), plan.id.into(), (*invoice).into()])
            .await?;
    }
    Ok(())
}

/// Of an invoice `i`: a plan's dates count instead of its own, and none of them was missed.
const IN_A_KEPT_PLAN: &str = "EXISTS (SELECT 1 FROM known_plan_invoices p JOIN known_plans k ON k.tenant = p.tenant AND k.plan_id = p.plan_id \
     WHERE p.tenant = i.tenant AND p.invoice_id = i.invoice_id AND k.holds AND NOT k.missed AND NOT k.breached)";
/// Of a plan `k`: an invoice of it was written off.
const WRITTEN_OFF: &str = "EXISTS (SELECT 1 FROM known_plan_invoices p JOIN known_invoices i ON i.tenant = p.tenant AND i.invoice_id = p.invoice_id \
     WHERE p.tenant = k.tenant AND p.plan_id = k.plan_id AND i.written_off)";

/// Of an invoice `i`, on day `$5`: something of it is open or given up after its due date, and no
/// promise puts that off.
const PAST_DUE: &str = "(i.open > 0 OR i.written_off) AND i.due_on < $5 AND coalesce(i.no_consequence_before, '') <= $5";

/// The features of what a customer has done here.
pub async fn features<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    currency: Currency,
    today: NaiveDate,
) -> Result<Features, AppError> {
    let since = today.checked_sub_days(chrono::Days::new(DAYS)).unwrap_or(today);
    let late = format!(
        "i.issued_on >= $4 AND (i.late OR ({PAST_DUE})) AND (i.written_off OR NOT {IN_A_KEPT_PLAN})"
    );
    let select = format!(
        "SELECT CAST(coalesce(sum(CASE WHEN {late} THEN 1 ELSE 0 END), 0) AS bigint) AS late, \
                  CAST(coalesce(sum(CASE WHEN issued_on >= $4 AND currency = $3 THEN paid ELSE 0 END), 0) AS bigint) AS volume, \
                  CAST(coalesce(sum(CASE WHEN currency = $3 THEN open ELSE 0 END), 0) AS bigint) AS open \
                  FROM known_invoices i WHERE tenant = $1 AND customer_id = $2"
    );
    let values = vec![
        tenant.as_str().into(),
        customer.uuid().into(),
        currency.code().into(),
        since.to_string().into(),
        today.to_string().into(),
    ];
    let mut features = Features::new();
    if let Some(row) = sql::one(conn, &select, values).await? {
        features.insert(Feature::PaidLate, row.try_get("", "late")?);
        features.insert(Feature::PaidVolume, row.try_get("", "volume")?);
        features.insert(Feature::OpenInvoices, row.try_get("", "open")?);
    }
    let select = format!(
        "SELECT CAST(coalesce(sum(CASE WHEN k.kept AND NOT {WRITTEN_OFF} THEN 1 ELSE 0 END), 0) AS bigint) AS kept, \
         CAST(coalesce(sum(CASE WHEN breached THEN 1 ELSE 0 END), 0) AS bigint) AS breached \
         FROM known_plans k WHERE tenant = $1 AND customer_id = $2"
    );
    if let Some(row) =
        sql::one(conn, &select, vec![tenant.as_str().into(), customer.uuid().into()]).await?
    {
        features.insert(Feature::PlansKept, row.try_get("", "kept")?);
        features.insert(Feature::PlansBreached, row.try_get("", "breached")?);
    }
    Ok(features)
}
