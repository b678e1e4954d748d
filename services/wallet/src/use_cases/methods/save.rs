//! Publishes a customer's methods.

use super::load;
use crate::{
    commands::customers::CustomerRef, messages::methods as messages, store::wallets::Locked,
    use_cases::recharges::end_stops::end_stops,
};
use payterms_chassis::{AppError, WriteTx};
use payterms_wallet_domain::{Methods, recharge::Change};

/// Publishes a customer's methods.
pub async fn publish_methods(
    tx: &mut WriteTx,
    customer: &CustomerRef,
    saved: &Methods,
    is_replaced: bool,
) -> Result<(), AppError> {
    let waits_for = load::collection_waits_for(tx.conn(), customer, saved, tx.today()).await?;
    let event = messages::payment_methods_changed(customer, saved, is_replaced, waits_for);
    tx.emit("payment_methods", &customer.customer.to_string(), &event).await
}

/// Publishes a customer's methods after a change. Recharges of the locked wallets that it helps
/// begin again.
pub async fn publish_change(
    tx: &mut WriteTx,
    customer: &CustomerRef,
    saved: &Methods,
    wallets: &[Locked],
    change: Option<Change>,
) -> Result<(), AppError> {
    publish_methods(tx, customer, saved, change == Some(Change::MethodReplaced)).await?;
    match change {
        Some(change) => end_stops(tx, wallets, change).await,
        None => Ok(()),
    }
}
