//! Loads the wallet that a request names: locked for a change, or unlocked for a read.

use crate::{
    commands::wallets::WalletRef,
    store::wallets::{self, Locked},
};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::Refusal;
use payterms_wallet_domain::Wallet;
use sea_orm::ConnectionTrait;

/// Locks the wallet that a request names.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn lock_wallet(tx: &WriteTx, named: &WalletRef) -> Result<Locked, AppError> {
    wallets::lock(tx, named.customer, named.wallet).await?.ok_or_else(|| Refusal::not_found().into())
}

/// Finds the wallet that a request names.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn find_wallet<C: ConnectionTrait>(conn: &C, named: &WalletRef) -> Result<Wallet, AppError> {
    let wallet = wallets::find(conn, &named.tenant, named.customer, named.wallet).await?;
    wallet.ok_or_else(|| Refusal::not_found().into())
}
