//! Table `line_switches`: the last switch of each credit line, and whether it was refused. A driver that was thought dead
//! and comes back finds that its turn is over.

use payterms_chassis::{AppError, WriteTx, sql};
use payterms_kernel::Id;
use payterms_wallet_domain::PaymentMethod;

/// The last switch, and whether it was refused.
pub async fn last(tx: &WriteTx, line: Id<PaymentMethod>) -> Result<Option<(i64, bool)>, AppError> {
    let select = "SELECT number, refused FROM line_switches WHERE tenant = $1 AND line_id = $2";
    let row = sql::one(tx.conn(), select, vec![tx.call().tenant.as_str().into(), line.uuid().into()]).await?;
    row.map(|row| Ok((row.try_get("", "number")?, row.try_get("", "refused")?))).transpose()
}

/// Notes a switch.
pub async fn note(tx: &WriteTx, line: Id<PaymentMethod>, (number, refused): (i64, bool)) -> Result<(), AppError> {
    let upsert = "INSERT INTO line_switches (tenant, line_id, number, refused) VALUES ($1, $2, $3, $4) \
                  ON CONFLICT (tenant, line_id) DO UPDATE SET number = excluded.number, refused = excluded.refused";
    let values = vec![tx.call().tenant.as_str().into(), line.uuid().into(), number.into(), refused.into()];
    sql::exec(tx.conn(), upsert, values).await?;
    Ok(())
}
