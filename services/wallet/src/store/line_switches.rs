//! Table `line_switches`: the last switch of each credit line, and whether it was refused. The
//! number works as a fence: a driver that was believed dead and comes back with an older switch is
//! refused.

use payterms_chassis::{AppError, WriteTx, sql};
use payterms_kernel::Id;
use payterms_wallet_domain::PaymentMethod;

/// A switch of a credit line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// Its number; later switches have higher numbers.
    pub number: i64,
    /// Whether it was refused.
    pub refused: bool,
}

/// The last switch of a line.
pub async fn last(tx: &WriteTx, line: Id<PaymentMethod>) -> Result<Option<Switch>, AppError> {
    let select = "SELECT number, refused FROM line_switches WHERE tenant = $1 AND line_id = $2";
    let row =
        sql::one(tx.conn(), select, vec![tx.call().tenant.as_str().into(), line.uuid().into()])
            .await?;
    row.map(|row| {
        Ok(Switch { number: row.try_get("", "number")?, refused: row.try_get("", "refused")? })
    })
    .transpose()
}

/// Stores a switch as the last one of its line.
pub async fn save(tx: &WriteTx, line: Id<PaymentMethod>, switch: Switch) -> Result<(), AppError> {
    let upsert = "INSERT INTO line_switches (tenant, line_id, number, refused) VALUES ($1, $2, $3, $4) \
                  ON CONFLICT (tenant, line_id) DO UPDATE SET number = excluded.number, refused = excluded.refused";
    let values = vec![
        tx.call().tenant.as_str().into(),
        line.uuid().into(),
        switch.number.into(),
        switch.refused.into(),
    ];
    sql::exec(tx.conn(), upsert, values).await?;
    Ok(())
}
