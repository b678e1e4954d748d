//! Switches a metered service off.

use super::save::publish_metered_service;
use crate::{app::App, commands::metered_services::MeteredServiceRef, messages, store::metered};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1 as pb;

/// Switches a service off.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn disable_metered_service(
    app: &App,
    call: &Call,
    named: &MeteredServiceRef,
) -> Result<Answer<pb::DisableMeteredServiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let found = metered::lock(tx.conn(), &named.tenant, named.service)
        .await?
        .filter(|metered_service| metered_service.customer == named.customer);
    let mut service = found.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    service.disable(tx.now());
    publish_metered_service(&mut tx, &service).await?;
    tx.commit(pb::DisableMeteredServiceResponse {
        metered_service: Some(messages::metered_services::metered_service(&call.tenant, &service)),
    })
    .await
}
