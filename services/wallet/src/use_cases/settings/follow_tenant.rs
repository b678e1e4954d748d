//! Follows invoicing's tenants: whether one is suspended, its time zone, the setting that
//! prepayment depends on, and up to which amount one person gives something back.

use super::{follow_zone, save::publish_settings};
use crate::store::settings as store;
use payterms_chassis::{AppError, WriteTx, render::money_of, zones};
use payterms_kernel::Money;
use payterms_proto::invoicing::v1::{Tenant, tenant::State};

/// Copies a tenant's fields from invoicing's event. If a condition of prepayment no longer holds,
/// it is turned off.
pub async fn follow_tenant(tx: &mut WriteTx, tenant: &Tenant) -> Result<(), AppError> {
    let suspended = tenant.state() == State::Suspended;
    zones::register(tx, suspended, &tenant.time_zone, &follow_zone::JOBS).await?;
    let mut settings = store::lock(tx.conn(), &tx.call().tenant).await?;
    let limits: Vec<Money> = tenant.approval_limits.iter().filter_map(money_of).collect();
    if settings.approval_limits != limits {
        // The wallet's own settings are as they were: nobody is told of the copy.
        settings.approval_limits = limits;
        store::save(tx.conn(), &tx.call().tenant, &settings).await?;
    }
    if settings.invoices_hidden != tenant.invoices_hidden {
        settings.invoices_hidden = tenant.invoices_hidden;
        publish_settings(tx, &mut settings).await?;
    }
    Ok(())
}
