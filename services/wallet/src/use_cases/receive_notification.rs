//! Takes in what a provider tells by itself: the signature is checked, then the provider is asked.

use super::{chargeback, settle_method_setup};
use crate::{App, provider::News};
use payterms_chassis::AppError;
use payterms_kernel::{Kind, Refusal, TenantId};
use payterms_proto::wallet::v1::{ReceiveNotificationRequest, ReceiveNotificationResponse};

/// Runs the verb.
///
/// # Errors
/// `PROVIDER_SIGNATURE`.
pub async fn run(app: &App, tenant: &TenantId, message: &ReceiveNotificationRequest) -> Result<ReceiveNotificationResponse, AppError> {
    let wrong = |text: &str| AppError::from(Refusal::new(Kind::Denied, "PROVIDER_SIGNATURE", text));
    let provider = app.provider(&message.provider).map_err(|_| wrong("There is no such provider."))?;
    let told = provider.read_notification(&message.body, &message.signature).map_err(|error| {
        tracing::warn!(provider = %message.provider, %error, "a notification was refused");
        wrong("The signature is not the provider's.")
    })?;
    match told {
        Some(News::Setup(id)) => Box::pin(settle_method_setup::notified(app, tenant, (&message.provider, &id))).await?,
        Some(News::Return(charge)) => Box::pin(chargeback::notified(app, tenant, (&message.provider, &charge))).await?,
        None => {}
    }
    Ok(ReceiveNotificationResponse {})
}
