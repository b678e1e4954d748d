//! Commands about auto-recharge.

use super::wallets::WalletRef;
use payterms_wallet_domain::recharge::Rules;

/// New rules of a wallet.
#[derive(Debug, Clone)]
pub struct UpdateAutoRecharge {
    /// Whose.
    pub wallet: WalletRef,
    /// All of them.
    pub rules: Rules,
    /// The version that may be changed; empty: any.
    pub etag: String,
}

/// The rules of a wallet go, because a person of the tenant says so.
#[derive(Debug, Clone)]
pub struct RemoveAutoRecharge {
    /// Whose.
    pub wallet: WalletRef,
    /// Why, for the customer to read.
    pub explanation: String,
}
