//! Saves and publishes a charge, and records what the provider answered.

use super::settle;
use crate::{
    commands::customers::CustomerRef,
    messages::charges as messages,
    provider::ProviderCharge,
    store::{charges, wallets::Locked},
    use_cases::wallets::save::save_wallet,
};
use payterms_chassis::{AppError, WriteTx, jobs::schedule};
use payterms_proto::wallet::v1::{self as pb, ChargeChanged};
use payterms_wallet_domain::{Charge, ChargeState, top_up::Charged};

/// Saves a charge and publishes it.
pub async fn publish_charge(
    tx: &mut WriteTx,
    customer: &CustomerRef,
    charge: &Charge,
) -> Result<pb::Charge, AppError> {
    charges::save(tx, charge).await?;
    let rendered = messages::charge(customer, charge);
    tx.emit("charge", &charge.id.to_string(), &ChargeChanged { charge: Some(rendered.clone()) })
        .await?;
    Ok(rendered)
}

/// Records the provider's answer. If the charge is not decided yet, a job asks for it later.
pub(super) async fn record_charge(
    tx: &mut WriteTx,
    locked: &mut Locked,
    charge: &mut Charge,
    answer: ProviderCharge,
) -> Result<pb::Charge, AppError> {
    let now = tx.now();
    if let Charged::Processing(ready_at) = answer.outcome
        && charge.state == ChargeState::Processing
    {
        schedule(tx, settle::JOB, &charge.id.to_string(), ready_at.max(now)).await?;
    }
    charge.charged(&mut locked.wallet, tx.ids(), answer, now)?;
    save_wallet(tx, locked).await?;
    let customer =
        CustomerRef { tenant: tx.call().tenant.clone(), customer: locked.wallet.customer };
    publish_charge(tx, &customer, charge).await
}
