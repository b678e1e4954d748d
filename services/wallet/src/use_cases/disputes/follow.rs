//! Follows what the provider says of a dispute. It is asked for the state, because a notification
//! is only a hint, and may come late or after one that was sent later.

use super::{decide::decide_by_provider, open};
use crate::{
    app::App,
    provider::unanswered,
    store::{charges, disputes, top_ups},
};
use payterms_chassis::{AppError, error::not_yet};
use payterms_kernel::{Id, Reason, TenantId};
use payterms_wallet_domain::{
    Dispute, DisputeState,
    dispute::{DisputesOfCharge, Outcome, ProviderDispute},
};

/// How far a dispute is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// As far as the provider says.
    TakenIn,
    /// It is not known yet what there is to take: the charge or a refund of it is under way. The
    /// provider is asked again.
    Waits,
}

/// Opens the dispute of a charge, and decides it where the provider has. What was taken in before
/// changes nothing. Of a charge there is one at a time, and another only after one that was won:
/// where nobody told of that, the one before is won now.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` if the provider does not answer. It sends the notification again.
pub async fn follow_dispute(
    app: &App,
    tenant: &TenantId,
    provider: &str,
    charge_id: &str,
) -> Result<Followed, AppError> {
    // Read before the provider is asked: its answer is no older than what is known, so that a
    // dispute which is not among those is newer.
    let known = known(app, tenant, charge_id).await?;
    let Some(provider_dispute) =
        app.provider(provider)?.find_dispute(tenant, charge_id).await.map_err(unanswered)?
    else {
        tracing::warn!(
            charge = charge_id,
            "the provider told of a chargeback that it does not know"
        );
        return Ok(Followed::TakenIn);
    };
    if let Some(before) = known.won_unnoticed(&provider_dispute) {
        Box::pin(decide_by_provider(app, tenant, before, Outcome::Won)).await?;
    }
    let conn = app.db.read(tenant).await?;
    let top_up = top_ups::at_provider(&conn, tenant, charge_id).await?;
    let charge = charges::at_provider(&conn, tenant, charge_id).await?;
    drop(conn);
    let provider_answer = ProviderAnswer {
        provider,
        dispute: &provider_dispute,
        last: known.0.last().map(|last| last.id),
    };
    let followed = match (top_up, charge) {
        (Some(top_up), _) => {
            Box::pin(open::open_of_top_up(app, tenant, top_up, provider_answer)).await?
        }
        (None, Some(charge)) => {
            Box::pin(open::open_of_charge(app, tenant, charge, provider_answer)).await?
        }
        // Either the charge is not recorded yet, and the next notification will find it, or it is
        // not ours, and the provider gives up at some time.
        (None, None) => return Err(unrecorded()),
    };
    if followed == Followed::TakenIn {
        decide(app, tenant, charge_id, provider_answer.dispute).await?;
    }
    Ok(followed)
}

async fn known(
    app: &App,
    tenant: &TenantId,
    charge_id: &str,
) -> Result<DisputesOfCharge, AppError> {
    let conn = app.db.read(tenant).await?;
    disputes::of_charge(&conn, tenant, charge_id).await
}

/// Decides the dispute that the provider tells of, where it is decided.
async fn decide(
    app: &App,
    tenant: &TenantId,
    charge_id: &str,
    provider_dispute: &ProviderDispute,
) -> Result<(), AppError> {
    let known = known(app, tenant, charge_id).await?;
    let Some(this_dispute) = known.find(provider_dispute) else {
        tracing::info!(
            charge = charge_id,
            dispute = provider_dispute.id,
            "nothing was taken of a dispute of which the provider tells"
        );
        return Ok(());
    };
    if let Some(outcome) = provider_dispute.outcome {
        return Box::pin(decide_by_provider(app, tenant, this_dispute, outcome)).await;
    }
    // It was opened before, or just now: otherwise a person has decided it before the provider,
    // whose own decision is still to come.
    if this_dispute.state != DisputeState::Open {
        tracing::info!(
            charge = charge_id,
            "a person decided a dispute that is still open at the provider"
        );
    }
    Ok(())
}

/// What the provider tells of a charge.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProviderAnswer<'a> {
    /// The provider.
    pub(super) provider: &'a str,
    /// The dispute that it tells of.
    pub(super) dispute: &'a ProviderDispute,
    /// The last dispute of the charge that was known before the provider was asked.
    pub(super) last: Option<Id<Dispute>>,
}

/// The answer where it is not known yet what there is to take.
#[must_use]
pub fn unrecorded() -> AppError {
    not_yet(
        Reason::UNAVAILABLE,
        "The charge is not recorded yet, or a refund of it is under way. Send the notification again.",
    )
}
