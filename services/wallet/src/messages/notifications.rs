//! Notifications of payment providers.

use crate::commands::notifications::Notification;
use payterms_chassis::{AppError, Fields};
use payterms_kernel::Reason;
use payterms_proto::wallet::peers::v1::ReceiveNotificationRequest;
use tonic::Request;

/// Parses a provider's notification, whose signature is not yet checked.
pub fn receive_notification(
    request: Request<ReceiveNotificationRequest>,
) -> Result<Notification, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("tenant", &message.tenant, &[]).tenant;
    fields.text("provider", &message.provider, 1, 40);
    fields.token("signature", &message.signature, 1, 1_000);
    if message.body.len() > 65_536 {
        fields.wrong("body", Reason::FIELD_TOO_LONG, "Send at most 64 KiB.");
    }
    fields.finish()?;
    Ok(Notification {
        tenant,
        provider: message.provider,
        body: message.body.into(),
        signature: message.signature,
    })
}
