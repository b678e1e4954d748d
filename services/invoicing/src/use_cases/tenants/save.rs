//! Saves tenants.

use super::follow_zone;
use crate::{messages, store::tenants, use_cases::statements::turn_month::move_month_turn};
use payterms_chassis::{AppError, WriteTx, zones};
use payterms_invoicing_domain::Tenant;
use payterms_proto::invoicing::v1::TenantChanged;

/// Saves a tenant, what the chassis knows of it, and tells the other services.
pub async fn publish_tenant(tx: &mut WriteTx, tenant: &Tenant) -> Result<(), AppError> {
    tenants::save(tx.conn(), tenant).await?;
    let before =
        zones::register(tx, tenant.suspended, &tenant.time_zone, &follow_zone::JOBS).await?;
    if let Some((before, zone)) = before.zip(tenant.time_zone.parse().ok()) {
        move_month_turn(tx, before, zone).await?;
    }
    tx.emit(
        "tenant",
        tenant.id.as_str(),
        &TenantChanged { tenant: Some(messages::tenants::tenant(tenant)) },
    )
    .await
}
