//! Saves metered services.

use super::suspend;
use crate::{
    messages,
    store::{metered, tenants},
};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{cancel, schedule},
};
use payterms_invoicing_domain::MeteredService;
use payterms_proto::invoicing::v1 as pb;

/// Saves a service, emits its event, and schedules its suspension while it is overdue.
pub async fn publish_metered_service(
    tx: &mut WriteTx,
    service: &MeteredService,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    metered::save(tx.conn(), &tenant, service).await?;
    let after_days = tenants::find(tx.conn(), &tenant)
        .await?
        .and_then(|tenant| tenant.dunning.suspend_after_days);
    match service.suspended_at(after_days) {
        Some(at) => schedule(tx, suspend::JOB, &service.id.to_string(), at).await?,
        None => cancel(tx, suspend::JOB, &service.id.to_string()).await?,
    }
    let event = pb::MeteredServiceChanged {
        metered_service: Some(messages::metered_services::metered_service(&tenant, service)),
    };
    tx.emit("metered_service", &service.id.to_string(), &event).await
}
