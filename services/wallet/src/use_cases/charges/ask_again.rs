//! The provider says that a charge may have ended: it is asked for at once, and not at the instant
//! that was planned.

use super::settle;
use crate::{
    app::App,
    store::{charges, top_ups},
    use_cases::top_ups::settle::JOB as SETTLE_TOP_UP,
};
use payterms_chassis::{AppError, Call, jobs::schedule};
use payterms_kernel::TenantId;
use payterms_wallet_domain::{ChargeState, TopUpState};
use uuid::Uuid;

/// Plans to ask for a charge now, by the provider's id of it. One that has ended, or that its own
/// flow still asks for, needs nothing.
///
/// # Errors
/// Those of the database.
pub async fn ask_for_charge(app: &App, tenant: &TenantId, charge_id: &str) -> Result<(), AppError> {
    let conn = app.db.read(tenant).await?;
    let top_up = top_ups::at_provider(&conn, tenant, charge_id)
        .await?
        .filter(|top_up| top_up.state == TopUpState::Processing);
    let charge = charges::at_provider(&conn, tenant, charge_id)
        .await?
        .filter(|charge| charge.state == ChargeState::Processing);
    drop(conn);
    let due = top_up.map(|top_up| (SETTLE_TOP_UP, top_up.id.uuid()));
    let Some((job, id)): Option<(&str, Uuid)> =
        due.or_else(|| charge.map(|charge| (settle::JOB, charge.id.uuid())))
    else {
        return Ok(());
    };
    let tx = app.db.begin_apart(&Call::internal("wallet", tenant, "charge_told", id, None)).await?;
    schedule(&tx, job, &id.to_string(), tx.now()).await?;
    tx.commit_rows().await
}
