//! Saves tenants.

use crate::{messages, store::tenants};
use payterms_chassis::{AppError, WriteTx, tenants as states};
use payterms_invoicing_domain::Tenant;
use payterms_proto::invoicing::v1::TenantChanged;

/// Saves a tenant, what the chassis knows of it, and tells the other services.
pub async fn publish_tenant(tx: &mut WriteTx, tenant: &Tenant) -> Result<(), AppError> {
    tenants::save(tx.conn(), tenant).await?;
    states::register(tx.conn(), &tenant.id, tenant.suspended, &tenant.time_zone).await?;
    tx.emit("tenant", tenant.id.as_str(), &TenantChanged { tenant: Some(messages::tenants::tenant(tenant)) }).await
}
