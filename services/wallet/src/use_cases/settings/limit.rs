//! Up to which amount one person is enough to give something back.

use crate::store::settings;
use payterms_chassis::{AppError, WriteTx};
use payterms_wallet_domain::settings::Together;

/// Refuses what takes a second person; owners are trusted alone.
///
/// # Errors
/// `SECOND_PERSON_REQUIRED`.
pub async fn must_be_within_limit(tx: &WriteTx, together: Together) -> Result<(), AppError> {
    if tx.call().caller.has("OWNER") {
        return Ok(());
    }
    Ok(settings::find(tx.conn(), &tx.call().tenant).await?.must_be_within_limit(together)?)
}
