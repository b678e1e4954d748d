//! Charges a top-up at the provider.

use crate::{
    app::App,
    provider::ProviderCharge,
    store::top_ups,
    use_cases::charges::charge_once::{ChargeOnce, charge_once},
};
use payterms_chassis::AppError;
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::TopUp;

/// Charges a top-up, once.
pub(super) async fn charge_top_up(
    app: &App,
    tenant: &TenantId,
    id: Id<TopUp>,
    taken_over: bool,
) -> Result<ProviderCharge, AppError> {
    let conn = app.db.read(tenant).await?;
    let top_up = top_ups::find(&conn, tenant, id)
        .await?
        .ok_or_else(|| AppError::Fault(format!("no top-up {id}")))?;
    drop(conn);
    charge_once(
        app,
        tenant,
        &ChargeOnce { work: "top_up", id: id.uuid(), method: top_up.method, amount: top_up.amount },
        taken_over,
    )
    .await
}
