//! Loads the wallet that a request names: locked for a change, or unlocked for a read; and the
//! wallets that a list is over.

use crate::{
    commands::wallets::{ListOfWallets, WalletRef, wallet_name},
    store::{
        history::Span,
        wallets::{self, Locked},
    },
};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_wallet_domain::Wallet;
use sea_orm::ConnectionTrait;
use std::collections::HashMap;

/// Locks the wallet that a request names.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn lock_wallet(tx: &WriteTx, named: &WalletRef) -> Result<Locked, AppError> {
    wallets::lock(tx, named.customer, named.wallet)
        .await?
        .ok_or_else(|| Refusal::not_found().into())
}

/// Finds the wallet that a request names.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn find_wallet<C: ConnectionTrait>(
    conn: &C,
    named: &WalletRef,
) -> Result<Wallet, AppError> {
    let wallet = wallets::find(conn, &named.tenant, named.customer, named.wallet).await?;
    wallet.ok_or_else(|| Refusal::not_found().into())
}

/// The wallets whose history a list is over.
///
/// # Errors
/// `RESOURCE_NOT_FOUND` for a wallet that does not exist.
pub async fn span_of<C: ConnectionTrait>(
    conn: &C,
    list: &ListOfWallets,
    ids_have_the_time: bool,
) -> Result<Span, AppError> {
    if let Some(named) = list.one_wallet() {
        find_wallet(conn, &named).await?;
        return Ok(Span::Wallets(vec![named.wallet]));
    }
    let Some(customer) = list.customer else { return Ok(Span::Tenant { ids_have_the_time }) };
    Ok(Span::Wallets(wallets::ids_of_customer(conn, &list.tenant, customer).await?))
}

/// The names of wallets.
pub async fn names_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: impl Iterator<Item = Id<Wallet>>,
) -> Result<HashMap<Id<Wallet>, String>, AppError> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    let owners = wallets::owners(conn, tenant, &ids).await?;
    Ok(owners
        .into_iter()
        .map(|(wallet, customer)| (wallet, wallet_name(tenant, customer, wallet)))
        .collect())
}
