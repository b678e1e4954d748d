//! Follows invoicing's tenants: whether one is suspended, its time zone, and what bears on prepayment.

use super::save::publish_settings;
use crate::store::settings as store;
use payterms_chassis::{AppError, WriteTx, tenants};
use payterms_proto::invoicing::v1::{Tenant, tenant::State};

/// Takes over a tenant as invoicing's event shows it; a condition that broke turns prepayment off.
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
