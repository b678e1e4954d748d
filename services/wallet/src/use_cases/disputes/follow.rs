//! Follows what the provider says of a dispute. It is asked for the state, because a notification is only a hint, and may come late or
//! after one that was sent later.

use super::{decide::decide_by_provider, open};
use crate::{
    app::App,
    provider::unanswered,
    store::{charges, disputes, top_ups},
};
use payterms_chassis::{AppError, error::not_yet};
use payterms_kernel::TenantId;
use payterms_wallet_domain::DisputeState;

/// How far a dispute is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// As far as the provider says.
    TakenIn,
    /// It is not known yet what there is to take: the charge or a refund of it is under way. The provider is asked again.
    Waits,
}

/// Opens the dispute of a charge, and decides it where the provider has. What was taken in before changes nothing.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` if the provider does not answer. It sends the notification again.
pub async fn follow_dispute(app: &App, tenant: &TenantId, provider: &str, charge_id: &str) -> Result<Followed, AppError> {
    let Some(told) = app.provider(provider)?.find_dispute(tenant, charge_id).await.map_err(unanswered)? else {
        tracing::warn!(charge = charge_id, "the provider told of a chargeback that it does not know");
        return Ok(Followed::TakenIn);
    };
    let conn = app.db.read(tenant).await?;
    let top_up = top_ups::at_provider(&conn, tenant, charge_id).await?;
    let charge = charges::at_provider(&conn, tenant, charge_id).await?;
    drop(conn);
    let followed = match (top_up, charge) {
        (Some(top_up), _) => Box::pin(open::open_of_top_up(app, tenant, top_up, (provider, &told))).await?,
        (None, Some(charge)) => Box::pin(open::open_of_charge(app, tenant, charge, (provider, &told))).await?,
        // Either the charge is not recorded yet, and the next notification will find it, or it is not ours, and the provider
        // gives up at some time.
        (None, None) => return Err(unrecorded()),
    };
    if followed == Followed::Waits {
        return Ok(followed);
    }
    if let Some(outcome) = told.outcome {
        Box::pin(decide_by_provider(app, tenant, charge_id, outcome)).await?;
        return Ok(followed);
    }
    // It was opened before, or just now: otherwise a person has decided it before the provider, whose own decision is still to come.
    let conn = app.db.read(tenant).await?;
    let known = disputes::at_provider(&conn, tenant, charge_id).await?;
    if known.is_some_and(|dispute| dispute.state != DisputeState::Open) {
        tracing::info!(charge = charge_id, "a person decided a dispute that is still open at the provider");
    }
    Ok(followed)
}

/// The answer where it is not known yet what there is to take.
#[must_use]
pub fn unrecorded() -> AppError {
    not_yet("UNAVAILABLE", "The charge is not recorded yet, or a refund of it is under way. Send the notification again.")
}
