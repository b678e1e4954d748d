//! Disconnects a tenant's account at Stripe.

use super::save::publish_settings;
use crate::{
    app::App,
    store::{settings as store, stripe},
    use_cases::reconciliations::reconcile_nightly::JOB as NIGHT,
};
use payterms_chassis::{Answer, AppError, Call, jobs::cancel};
use payterms_proto::wallet::v1::DisconnectStripeResponse;

/// Erases the secrets of the account. What is on record stays.
///
/// # Errors
/// `STRIPE_NOT_CONNECTED`, `STRIPE_IN_USE`.
pub async fn disconnect_stripe(
    app: &App,
    call: &Call,
) -> Result<Answer<DisconnectStripeResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut settings = store::lock(tx.conn(), &call.tenant).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    settings.disconnect_stripe(&stripe::in_use(tx.conn(), &call.tenant).await?)?;
    cancel(&tx, NIGHT, "").await?;
    let wallet_settings = Some(publish_settings(&mut tx, &mut settings).await?);
    tx.commit(DisconnectStripeResponse { wallet_settings }).await
}
