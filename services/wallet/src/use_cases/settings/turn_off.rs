//! Turns prepayment off.

use super::save::publish_settings;
use crate::{app::App, store::settings as store};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::wallet::v1::TurnOffPrepaymentResponse;

/// Turns prepayment off.
pub async fn turn_off_prepayment(
    app: &App,
    call: &Call,
) -> Result<Answer<TurnOffPrepaymentResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut settings = store::lock(tx.conn(), &call.tenant).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    settings.turn_off();
    let wallet_settings = Some(publish_settings(&mut tx, &mut settings).await?);
    tx.commit(TurnOffPrepaymentResponse { wallet_settings }).await
}
