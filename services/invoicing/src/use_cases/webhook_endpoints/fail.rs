//! Disables a webhook endpoint that a service has given up, and mails the tenant.

use super::save::publish_webhook_endpoint;
use crate::{
    documents::wording::Language, store::webhook_endpoints,
    use_cases::mails::write::write_to_tenant,
};
use futures::future::BoxFuture;
use payterms_chassis::{AppError, WriteTx, webhooks::targets};
use payterms_invoicing_domain::{MailKind, webhook_endpoint::DisabledReason};
use payterms_kernel::{Id, calendar::day_in};
use payterms_proto::common::peers::v1::{WebhookFailed, webhook_failed::Outcome};

/// Disables the endpoint of a failure, in the transaction that the failure is noted or heard in.
/// One that was deleted, disabled, or enabled again since stays as it is.
pub fn disable_failed<'a>(
    tx: &'a mut WriteTx,
    failed: &'a WebhookFailed,
) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let tenant = tx.call().tenant.clone();
        let id = Id::from_uuid(targets::id_of(&tenant, &failed.endpoint)?);
        let Some(mut webhook_endpoint) = webhook_endpoints::lock(tx.conn(), &tenant, id).await?
        else {
            return Ok(());
        };
        let is_gone = failed.outcome() == Outcome::Gone;
        let reason = if is_gone { DisabledReason::Gone } else { DisabledReason::Failing };
        if !webhook_endpoint.fail(failed.generation, reason, tx.now()) {
            return Ok(());
        }
        publish_webhook_endpoint(tx, &webhook_endpoint).await?;
        let since = failed
            .failing_since
            .and_then(|since| chrono::DateTime::from_timestamp(since.seconds, 0));
        let since = since
            .map(|since| Language::English.date(day_in(tx.time().zone, since)))
            .unwrap_or_default();
        let variables = vec![
            ("endpoint", failed.endpoint.clone().into()),
            ("url", webhook_endpoint.fields.url.clone().into()),
            ("description", webhook_endpoint.fields.description.clone().into()),
            ("gone", if is_gone { "true" } else { "" }.into()),
            ("outcome", words(failed).into()),
            ("since", since.into()),
        ];
        write_to_tenant(tx, MailKind::WebhookDisabled, variables).await
    })
}

/// How the last attempt ended, for the reader of the mail.
fn words(failed: &WebhookFailed) -> String {
    match failed.outcome() {
        Outcome::Gone | Outcome::HttpError | Outcome::Redirected => {
            format!("HTTP {}", failed.http_status)
        }
        Outcome::TimedOut => "no answer in time".to_owned(),
        Outcome::AddressRefused => "the address leads to where webhooks may not go".to_owned(),
        Outcome::Unreachable | Outcome::Unspecified => "no connection".to_owned(),
    }
}
