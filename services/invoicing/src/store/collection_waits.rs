//! Table `collection_waits`: from when until when the collection of an invoice waited for a dispute
//! that had not taken what had paid it. A statement asks for an instant of the past.

use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, WriteTx, sql};
use payterms_invoicing_domain::{Customer, Invoice};
use payterms_kernel::{Id, TenantId};
use sea_orm::ConnectionTrait;
use std::collections::HashSet;

/// An invoice waits from an instant on.
pub async fn begin(tx: &WriteTx, invoice: &Invoice, at: DateTime<Utc>) -> Result<(), AppError> {
    let insert = "INSERT INTO collection_waits (tenant, invoice_id, begun_at, customer_id) VALUES ($1, $2, $3, $4) \
                  ON CONFLICT (tenant, invoice_id, begun_at) DO UPDATE SET ended_at = NULL";
    let values = vec![
        tx.call().tenant.as_str().into(),
        invoice.id.uuid().into(),
        at.into(),
        invoice.customer.uuid().into(),
    ];
    sql::exec(tx.conn(), insert, values).await?;
    Ok(())
}

/// An invoice waits no more.
pub async fn end(tx: &WriteTx, invoice: Id<Invoice>, at: DateTime<Utc>) -> Result<(), AppError> {
    let update = "UPDATE collection_waits SET ended_at = $3 WHERE tenant = $1 AND invoice_id = $2 AND ended_at IS NULL";
    sql::exec(
        tx.conn(),
        update,
        vec![tx.call().tenant.as_str().into(), invoice.uuid().into(), at.into()],
    )
    .await?;
    Ok(())
}

/// The invoices of a customer that waited at an instant.
pub async fn waiting_at<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    at: DateTime<Utc>,
) -> Result<HashSet<Id<Invoice>>, AppError> {
    let select = "SELECT DISTINCT invoice_id FROM collection_waits WHERE tenant = $1 AND customer_id = $2 AND begun_at < $3 \
                  AND (ended_at IS NULL OR ended_at >= $3)";
    let rows =
        sql::all(conn, select, vec![tenant.as_str().into(), customer.uuid().into(), at.into()])
            .await?;
    rows.iter().map(|row| Ok(Id::from_uuid(row.try_get("", "invoice_id")?))).collect()
}
