//! Saves and publishes a postpaid agreement.

use crate::{
    commands::wallets::name_of,
    messages::postpaid as messages,
    store::{postpaid, wallets::Locked},
};
use payterms_chassis::{AppError, WriteTx};
use payterms_proto::wallet::v1::{PostpaidAgreement, PostpaidAgreementChanged};
use payterms_wallet_domain::postpaid::Agreement;

/// Saves an agreement and publishes it.
pub async fn publish_agreement(
    tx: &mut WriteTx,
    locked: &Locked,
    agreement: &Agreement,
) -> Result<PostpaidAgreement, AppError> {
    publish(tx, locked, agreement, false).await
}

/// Saves an agreement that was just approved or refused, and publishes it as decided.
pub async fn publish_decision(
    tx: &mut WriteTx,
    locked: &Locked,
    agreement: &Agreement,
) -> Result<PostpaidAgreement, AppError> {
    publish(tx, locked, agreement, true).await
}

async fn publish(
    tx: &mut WriteTx,
    locked: &Locked,
    agreement: &Agreement,
    decided: bool,
) -> Result<PostpaidAgreement, AppError> {
    postpaid::save(tx, agreement).await?;
    let rendered =
        messages::postpaid_agreement(&name_of(&tx.call().tenant, &locked.wallet), agreement);
    let event = PostpaidAgreementChanged { postpaid_agreement: Some(rendered.clone()), decided };
    tx.emit("postpaid_agreement", &agreement.id.to_string(), &event).await?;
    Ok(rendered)
}
