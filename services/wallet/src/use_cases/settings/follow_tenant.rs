//! Follows invoicing's tenants: whether one is suspended, its time zone, and the setting that prepayment depends on.

use super::save::publish_settings;
use crate::store::settings as store;
use payterms_chassis::{AppError, WriteTx, tenants};
use payterms_proto::invoicing::v1::{Tenant, tenant::State};

/// Copies a tenant's fields from invoicing's event. If a condition of prepayment no longer holds, it is turned off.
pub async fn follow_tenant(tx: &mut WriteTx, tenant: &Tenant) -> Result<(), AppError> {
    let suspended = tenant.state() == State::Suspended;
    tenants::register(tx.conn(), &tx.call().tenant, suspended, &tenant.time_zone).await?;
    let mut settings = store::lock(tx.conn(), &tx.call().tenant).await?;
    if settings.invoices_hidden != tenant.invoices_hidden {
        settings.invoices_hidden = tenant.invoices_hidden;
        publish_settings(tx, &mut settings).await?;
    }
    Ok(())
}
