//! Receives a provider's notification: checks its signature, then asks the provider for the state.

use crate::{
    app::App,
    commands::notifications::Notification,
    provider::{News, Unread, unanswered},
    use_cases::{
        charges::ask_again::ask_for_charge,
        disputes::follow::{Followed, follow_dispute, unrecorded},
        setups::settle::settle_notified_setup,
    },
};
use payterms_chassis::AppError;
use payterms_kernel::{Kind, Reason, Refusal};
use payterms_proto::wallet::peers::v1::ReceiveNotificationResponse;

/// Receives a notification.
///
/// # Errors
/// `PROVIDER_SIGNATURE`.
pub async fn receive_notification(
    app: &App,
    notification: &Notification,
) -> Result<ReceiveNotificationResponse, AppError> {
    let wrong =
        |text: &str| AppError::from(Refusal::new(Kind::Denied, Reason::PROVIDER_SIGNATURE, text));
    let provider =
        app.provider(&notification.provider).map_err(|_| wrong("There is no such provider."))?;
    let read = provider
        .read_notification(&notification.tenant, &notification.body, &notification.signature)
        .await;
    let news = read.map_err(|unread| match unread {
        Unread::Forged(why) => {
            tracing::warn!(provider = %notification.provider, why, "a notification was refused");
            wrong("The signature is not the provider's.")
        }
        Unread::Unknown(unknown) => unanswered(unknown),
    })?;
    match news {
        Some(News::Setup(id)) => {
            Box::pin(settle_notified_setup(app, &notification.tenant, &notification.provider, &id))
                .await?;
        }
        Some(News::Charge(charge)) => ask_for_charge(app, &notification.tenant, &charge).await?,
        Some(News::Dispute(charge)) => {
            // It is asked for again in any case; the provider may tell sooner that what it waits
            // for has ended.
            let followed = Box::pin(follow_dispute(
                app,
                &notification.tenant,
                &notification.provider,
                &charge,
            ))
            .await?;
            if followed == Followed::Waits {
                return Err(unrecorded());
            }
        }
        None => {}
    }
    Ok(ReceiveNotificationResponse {})
}
