//! Table `plan_periods`: from when until when a plan over an invoice was active, no instalment
//! being late. A statement asks for an instant of the past.

use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, WriteTx, sql};
use payterms_invoicing_domain::{Customer, Invoice};
use payterms_kernel::{Id, TenantId};
use sea_orm::ConnectionTrait;
use std::collections::HashSet;
use uuid::Uuid;

/// A plan over invoices is active from an instant on, unless it was before.
pub async fn begin(
    tx: &WriteTx,
    plan: Uuid,
    customer: Id<Customer>,
    invoices: &[Id<Invoice>],
    at: DateTime<Utc>,
) -> Result<(), AppError> {
    let insert = "INSERT INTO plan_periods (tenant, plan_id, invoice_id, begun_at, customer_id) SELECT $1, $2, $3, $4, $5 \
                  WHERE NOT EXISTS (SELECT 1 FROM plan_periods WHERE tenant = $1 AND plan_id = $2 AND invoice_id = $3 AND ended_at IS NULL) \
                  ON CONFLICT (tenant, plan_id, invoice_id, begun_at) DO UPDATE SET ended_at = NULL";
    for invoice in invoices {
        let values = vec![
            tx.call().tenant.as_str().into(),
            plan.into(),
            invoice.uuid().into(),
            at.into(),
            customer.uuid().into(),
        ];
        sql::exec(tx.conn(), insert, values).await?;
    }
    Ok(())
}

/// A plan is not active any more: an instalment is late, or it has ended.
pub async fn end(tx: &WriteTx, plan: Uuid, at: DateTime<Utc>) -> Result<(), AppError> {
    let update = "UPDATE plan_periods SET ended_at = $3 WHERE tenant = $1 AND plan_id = $2 AND ended_at IS NULL";
    sql::exec(tx.conn(), update, vec![tx.call().tenant.as_str().into(), plan.into(), at.into()])
        .await?;
    Ok(())
}

/// The plan over an invoice that was active last; none where none was.
pub async fn last_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    invoice: Id<Invoice>,
) -> Result<Option<Uuid>, AppError> {
    let select = "SELECT plan_id FROM plan_periods WHERE tenant = $1 AND customer_id = $2 AND invoice_id = $3 ORDER BY begun_at DESC, plan_id DESC LIMIT 1";
    let values = vec![tenant.as_str().into(), customer.uuid().into(), invoice.uuid().into()];
    sql::one(conn, select, values).await?.map(|row| Ok(row.try_get("", "plan_id")?)).transpose()
}

/// The invoices of a customer whose plan was active at an instant.
pub async fn active_at<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    at: DateTime<Utc>,
) -> Result<HashSet<Id<Invoice>>, AppError> {
    let select = "SELECT DISTINCT invoice_id FROM plan_periods WHERE tenant = $1 AND customer_id = $2 AND begun_at < $3 \
                  AND (ended_at IS NULL OR ended_at >= $3)";
    let rows =
        sql::all(conn, select, vec![tenant.as_str().into(), customer.uuid().into(), at.into()])
            .await?;
    rows.iter().map(|row| Ok(Id::from_uuid(row.try_get("", "invoice_id")?))).collect()
}
