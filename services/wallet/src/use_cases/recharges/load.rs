//! Claims the due rows of auto-recharge.

use crate::{app::App, store::wallets};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, take},
    names,
};
use payterms_kernel::Id;
use payterms_wallet_domain::Wallet;

/// Claims a due row of a wallet under the wallet's lock; `None` if another replica has done it.
pub(super) async fn claim_due_wallet(app: &App, row: &DueRow) -> Result<Option<(WriteTx, Wallet)>, AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("wallet {:?}", row.subject))) };
    let call = row.call("wallet", id);
    let tx = app.db.begin_forward(&call).await?;
    let Some(locked) = wallets::lock_many(&tx, &[Id::from_uuid(id)]).await?.pop() else { return Ok(None) };
    Ok(take(&tx, row).await?.then_some((tx, locked.wallet)))
}
