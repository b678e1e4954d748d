//! Saves and publishes reconciliations and differences.

use crate::{
    messages::reconciliations as messages,
    store::{provider_differences, provider_reconciliations},
};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::id::step_id;
use payterms_proto::wallet::v1::{self as pb, ProviderDifferenceChanged, ProviderReconciled};
use payterms_wallet_domain::{
    provider_difference::{Place, ProviderDifference},
    reconciliation::ProviderReconciliation,
};
use uuid::Uuid;

/// The id of the difference of a place: the same place has the same one, however often it is found.
pub(super) fn difference_id(provider: &str, place: &Place) -> Uuid {
    step_id(Uuid::nil(), &format!("{provider} {} {}", place.kind.name(), place.id))
}

/// Saves a difference and publishes how it stands.
pub(super) async fn publish_difference(tx: &mut WriteTx, own: &ProviderDifference) -> Result<pb::ProviderDifference, AppError> {
    provider_differences::save(tx, own).await?;
    let rendered = messages::provider_difference(&tx.call().tenant, own);
    let event = ProviderDifferenceChanged { provider_difference: Some(rendered.clone()) };
    tx.emit("provider_difference", &own.id.to_string(), &event).await?;
    Ok(rendered)
}

/// Saves a reconciliation that has ended, and publishes it.
pub(super) async fn publish_reconciliation(tx: &mut WriteTx, own: &ProviderReconciliation) -> Result<(), AppError> {
    provider_reconciliations::save(tx, own).await?;
    let event = ProviderReconciled { provider_reconciliation: Some(messages::provider_reconciliation(&tx.call().tenant, own)) };
    tx.emit("provider_reconciliation", &own.id.to_string(), &event).await
}
