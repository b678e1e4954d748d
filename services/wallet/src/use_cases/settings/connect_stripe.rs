//! Connects a tenant's account at Stripe.

use super::save::publish_settings;
use crate::{
    app::App,
    commands::settings::ConnectStripe,
    provider::{stripe::AccountFault, unanswered},
    store::{settings as store, stripe},
    use_cases::reconciliations::reconcile_nightly::schedule_nights,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::{Reason, Refusal};
use payterms_proto::wallet::v1::ConnectStripeResponse;
use payterms_wallet_domain::StripeConnection;

/// Connects an account, or gives the connected one another key. Stripe is asked whose the key is
/// before anything is locked.
///
/// # Errors
/// `FEATURE_DISABLED`, `STRIPE_KEY_REFUSED`, `STRIPE_ACCOUNT_DIFFERS`, `PROVIDER_UNAVAILABLE`.
pub async fn connect_stripe(
    app: &App,
    call: &Call,
    new: &ConnectStripe,
) -> Result<Answer<ConnectStripeResponse>, AppError> {
    let accounts = app.stripe_accounts()?;
    let on_behalf_of = Some(new.connected_account.as_str()).filter(|account| !account.is_empty());
    let account = accounts.account_of(&new.secret_key, on_behalf_of).await.map_err(|fault| match fault {
        AccountFault::Unknown(unknown) => unanswered(unknown),
        AccountFault::Denied => {
            let message = "Stripe does not accept the key, or it may not act for the account. Copy it from Stripe's dashboard again.";
            Refusal::precondition(Reason::STRIPE_KEY_REFUSED, message).into()
        }
    })?;
    let mut tx = app.db.begin(call).await?;
    let mut settings = store::lock(tx.conn(), &call.tenant).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let sealed = accounts
        .seal_secrets(&call.tenant, &new.secret_key, &new.webhook_secret)
        .map_err(AppError::Fault)?;
    let connection = StripeConnection {
        account,
        on_behalf: on_behalf_of.is_some(),
        live: new.live,
        key_ending: new.key_ending.clone(),
        return_url: new.return_url.clone(),
        sealed_key: sealed.0,
        sealed_webhook_secret: sealed.1,
        connected_at: tx.now(),
    };
    if let Some(before) = settings.stripe_account() {
        before.may_become(&connection.at(), stripe::is_used(tx.conn(), &call.tenant).await?)?;
    }
    settings.stripe = Some(connection);
    settings.former_stripe = None;
    schedule_nights(&tx).await?;
    settings.version = settings.version.saturating_add(1);
    let wallet_settings = Some(publish_settings(&mut tx, &mut settings).await?);
    tx.commit(ConnectStripeResponse { wallet_settings }).await
}
