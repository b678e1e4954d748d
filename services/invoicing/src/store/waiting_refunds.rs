//! Table `waiting_refunds`: refunds of the wallet whose receipts are still to come.

use payterms_chassis::{AppError, WriteTx, sql};
use uuid::Uuid;

/// Keeps the newest event of a refund.
pub async fn save(tx: &WriteTx, refund: Uuid, event: Vec<u8>) -> Result<(), AppError> {
    let upsert = "INSERT INTO waiting_refunds (tenant, id, told) VALUES ($1, $2, $3) ON CONFLICT (tenant, id) DO UPDATE SET told = excluded.told";
    sql::exec(
        tx.conn(),
        upsert,
        vec![tx.call().tenant.as_str().into(), refund.into(), event.into()],
    )
    .await?;
    Ok(())
}

/// The event of a refund that waits.
pub async fn find(tx: &WriteTx, refund: Uuid) -> Result<Option<Vec<u8>>, AppError> {
    let select = "SELECT told FROM waiting_refunds WHERE tenant = $1 AND id = $2";
    let row =
        sql::one(tx.conn(), select, vec![tx.call().tenant.as_str().into(), refund.into()]).await?;
    Ok(row.map(|row| row.try_get("", "told")).transpose()?)
}

/// It waits no more.
pub async fn delete(tx: &WriteTx, refund: Uuid) -> Result<(), AppError> {
    let delete = "DELETE FROM waiting_refunds WHERE tenant = $1 AND id = $2";
    sql::exec(tx.conn(), delete, vec![tx.call().tenant.as_str().into(), refund.into()]).await?;
    Ok(())
}
