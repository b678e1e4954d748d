//! Disputes of charges.

use super::{
    super::Unknown,
    Stripe,
    debits::CARD,
    minor_units,
    objects::{DisputeMessage, List},
    stored,
};
use crate::store::stripe as store;
use chrono::DateTime;
use payterms_kernel::TenantId;
use payterms_wallet_domain::{
    DisputeState,
    dispute::{Outcome, ProviderDispute},
};
use serde_json::Value;

/// Whether an issuer has taken something back. An inquiry, by which it asks first, takes nothing.
pub(super) fn takes_money(dispute: &DisputeMessage) -> bool {
    !dispute.status.starts_with("warning_") && dispute.status != "prevented"
}

/// How a dispute is decided; none while it is open.
fn outcome_of(dispute: &DisputeMessage) -> Result<Option<Outcome>, Unknown> {
    match dispute.status.as_str() {
        "needs_response" | "under_review" => Ok(None),
        "won" => Ok(Some(Outcome::Won)),
        "lost" => Ok(Some(Outcome::Lost)),
        other => Err(Unknown(format!("a dispute that is {other:?}"))),
    }
}

/// Whether a charge was a bank debit: what a bank has taken back of it, it gives to nobody again.
fn is_of_a_debit(charge: Option<&Value>) -> bool {
    let details = charge.and_then(|charge| charge.get("payment_method_details"));
    details
        .and_then(|details| details.get("type"))
        .and_then(Value::as_str)
        .is_some_and(|kind| kind != CARD)
}

/// How a dispute stands; none of one that takes no money.
pub(super) fn state_of(dispute: &DisputeMessage) -> Result<Option<DisputeState>, Unknown> {
    if !takes_money(dispute) {
        return Ok(None);
    }
    Ok(Some(outcome_of(dispute)?.map_or(DisputeState::Open, Outcome::state)))
}

impl Stripe {
    /// The last dispute of a charge, by the id of its intent.
    pub(super) async fn dispute_of_charge(
        &self,
        tenant: &TenantId,
        intent: &str,
    ) -> Result<Option<ProviderDispute>, Unknown> {
        let conn = self.db.read(tenant).await.map_err(stored)?;
        let row = store::intent_at_stripe(&conn, tenant, intent).await.map_err(stored)?;
        drop(conn);
        let Some(row) = row else { return Ok(None) };
        let (access, _) = self.access(tenant).await?;
        let page: List<DisputeMessage> = self
            .client
            .get(
                &access,
                &format!("/v1/disputes?payment_intent={intent}&limit=100&expand[]=data.charge"),
            )
            .await?
            .must()?;
        let Some(last) =
            page.data.into_iter().filter(takes_money).max_by_key(|dispute| dispute.created)
        else {
            return Ok(None);
        };
        let amount = minor_units::to_money(&last.currency, last.amount)?;
        if amount.currency() != row.amount.currency() {
            return Err(Unknown(format!("a dispute in {}", amount.currency())));
        }
        let outcome = outcome_of(&last)?;
        let due_by = last
            .evidence_details
            .and_then(|details| details.due_by)
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        let evidence_due = due_by.map(|instant| instant.date_naive());
        let is_final = outcome == Some(Outcome::Lost) && is_of_a_debit(last.charge.as_ref());
        Ok(Some(ProviderDispute {
            id: last.id,
            amount,
            reason: last.reason,
            evidence_due,
            is_final,
            outcome,
        }))
    }
}
