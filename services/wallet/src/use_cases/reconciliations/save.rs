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
pub(super) async fn publish_difference(
    tx: &mut WriteTx,
    this_provider_difference: &ProviderDifference,
) -> Result<pb::ProviderDifference, AppError> {
    provider_differences::save(tx, this_provider_difference).await?;
    let rendered = messages::provider_difference(&tx.call().tenant, this_provider_difference);
    let event = ProviderDifferenceChanged { provider_difference: Some(rendered.clone()) };
    tx.emit("provider_difference", &this_provider_difference.id.to_string(), &event).await?;
    Ok(rendered)
}

/// Saves a reconciliation that has ended, and publishes it.
pub(super) async fn publish_reconciliation(
    tx: &mut WriteTx,
    this_provider_reconciliation: &ProviderReconciliation,
) -> Result<(), AppError> {
    provider_reconciliations::save(tx, this_provider_reconciliation).await?;
    let event = ProviderReconciled {
        provider_reconciliation: Some(messages::provider_reconciliation(
            &tx.call().tenant,
            this_provider_reconciliation,
        )),
    };
    tx.emit("provider_reconciliation", &this_provider_reconciliation.id.to_string(), &event).await
}
