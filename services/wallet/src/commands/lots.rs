//! Commands about lots.

use super::wallets::WalletRef;
use payterms_kernel::Id;
use payterms_wallet_domain::{Lot, wallet::NewLot};

/// Grants credit.
#[derive(Debug, Clone)]
pub struct GrantCredit {
    /// To which wallet.
    pub wallet: WalletRef,
    /// The lot that it becomes.
    pub lot: NewLot,
}

/// A lot that a request names.
#[derive(Debug, Clone)]
pub struct LotRef {
    /// Its wallet.
    pub wallet: WalletRef,
    /// The lot.
    pub lot: Id<Lot>,
}
