//! One verb a file: lock, look the request up, let the domain decide, save, commit.

pub mod authorize_hold;
pub mod capture_hold;
pub mod expire_hold;
pub mod expire_lot;
pub mod grant_credit;
pub mod open_wallet;
pub mod post_debit;
pub mod read;
pub mod void_grant;
pub mod void_hold;

use crate::{
    parse::WalletRef,
    store::wallets::{self, Locked},
};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::Refusal;

/// Locks the wallet that a request names.
async fn locked(tx: &WriteTx, named: &WalletRef) -> Result<Locked, AppError> {
    wallets::lock(tx, named.customer, named.wallet).await?.ok_or_else(|| Refusal::not_found().into())
}
