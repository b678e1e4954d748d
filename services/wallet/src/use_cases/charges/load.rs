//! Loads a charge under its wallet's lock, and makes it at the provider.

use super::charge_once::{ChargeOnce, charge_once};
use crate::{
    app::App,
    provider::ProviderCharge,
    store::{
        charges,
        wallets::{self, Locked},
    },
};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::Charge;

/// Has the provider make a charge, once.
pub(super) async fn charge_at_provider(
    app: &App,
    tenant: &TenantId,
    id: Id<Charge>,
    taken_over: bool,
) -> Result<ProviderCharge, AppError> {
    let conn = app.db.read(tenant).await?;
    let charge = charges::find(&conn, tenant, id)
        .await?
        .ok_or_else(|| AppError::Fault(format!("no charge {id}")))?;
    drop(conn);
    let method =
        charge.method.ok_or_else(|| AppError::Fault(format!("a charge without a method: {id}")))?;
    let order = ChargeOnce { work: "payment_charge", id: id.uuid(), method, amount: charge.amount };
    charge_once(app, tenant, &order, taken_over).await
}

/// Locks the wallet of a charge and reads the charge again under that lock.
pub(super) async fn lock_charge(
    tx: &WriteTx,
    tenant: &TenantId,
    id: Id<Charge>,
) -> Result<Option<(Charge, Locked)>, AppError> {
    let Some(found) = charges::find(tx.conn(), tenant, id).await? else { return Ok(None) };
    let Some(locked) = wallets::lock_many(tx, &[found.wallet]).await?.pop() else {
        return Ok(None);
    };
    Ok(charges::find(tx.conn(), tenant, id).await?.map(|charge| (charge, locked)))
}
