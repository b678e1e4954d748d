//! Ends the stops of a customer's recharges when its payment methods change.

use super::save::{publish_recharge, schedule_recharges};
use crate::store::{
    methods, recharges,
    wallets::{self, Locked},
};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::Id;
use payterms_wallet_domain::{Customer, Methods, recharge::Change};

/// Locks a customer's methods for a change that may end stops, and before them its wallets with
/// rules: a recharge ends under the lock of its wallet, so none can stop unseen beside the change.
/// Wallets come first, as everywhere.
pub async fn lock_for_change(
    tx: &WriteTx,
    customer: Id<Customer>,
) -> Result<(Vec<Locked>, Methods), AppError> {
    let with_rules = recharges::wallets_of_customer(tx.conn(), &tx.call().tenant, customer).await?;
    let wallets = wallets::lock_many(tx, &with_rules).await?;
    Ok((wallets, methods::lock(tx, customer).await?))
}

/// Evaluates again the rules of wallets whose recharge has stopped, where the change helps.
pub async fn end_stops(
    tx: &mut WriteTx,
    wallets: &[Locked],
    change: Change,
) -> Result<(), AppError> {
    let ids: Vec<_> = wallets.iter().map(|locked| locked.wallet.id).collect();
    let mut rules = recharges::of(tx.conn(), &tx.call().tenant, &ids).await?;
    for locked in wallets {
        let Some(recharge) = rules.get_mut(&locked.wallet.id) else { continue };
        if recharge.end_stop(change) {
            publish_recharge(tx, &locked.wallet, recharge).await?;
        }
    }
    schedule_recharges(tx, wallets.iter().map(|locked| &locked.wallet)).await?;
    Ok(())
}
