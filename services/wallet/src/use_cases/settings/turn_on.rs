//! Turns prepayment on.

use super::save::publish_settings;
use crate::{app::App, store::settings as store};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::wallet::v1::TurnOnPrepaymentResponse;
use payterms_wallet_domain::MethodKind;

/// Turns prepayment on.
///
/// # Errors
/// `PREPAYMENT_CONDITIONS` with every condition, `METHOD_NOT_OFFERED`.
pub async fn turn_on_prepayment(
    app: &App,
    call: &Call,
    offered: Vec<MethodKind>,
) -> Result<Answer<TurnOnPrepaymentResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut settings = store::lock(tx.conn(), &call.tenant).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    settings.turn_on(offered)?;
    let wallet_settings = Some(publish_settings(&mut tx, &mut settings).await?);
    tx.commit(TurnOnPrepaymentResponse { wallet_settings }).await
}
