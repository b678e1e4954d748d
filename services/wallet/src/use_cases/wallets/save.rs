//! Saves what decisions changed of wallets: their rows, what goes to the month's invoices, when a
//! month is to be closed that had nothing to invoice before, and when new credit is to be told of
//! that expires.

use crate::{
    store::{RequestsByTransfer, changes::Changes, wallets::Locked},
    use_cases::{
        lots::announce_expiry::schedule_notices,
        months::{accrue::accrue, close},
    },
};
use payterms_chassis::{AppError, WriteTx, jobs::schedule_many};

/// Saves what changed of one wallet.
///
/// # Errors
/// `Fault` where a decision broke a rule of the books.
pub async fn save_wallet(tx: &WriteTx, changed: &mut Locked) -> Result<(), AppError> {
    save_wallets(tx, std::slice::from_mut(changed), &RequestsByTransfer::new()).await
}

/// Saves what changed of wallets, where some transfers keep the request that they are of.
///
/// # Errors
/// `Fault` where a decision broke a rule of the books.
pub async fn save_wallets(
    tx: &WriteTx,
    changed: &mut [Locked],
    requests: &RequestsByTransfer,
) -> Result<(), AppError> {
    let accrued = accrue(tx.time().zone, tx.time().reached, changed)?;
    let changes = Changes::of(&tx.call().tenant, changed, &accrued.sums, requests)?;
    schedule_many(tx, close::JOB, &accrued.closings).await?;
    schedule_notices(tx, changed).await?;
    changes.save(tx).await
}
