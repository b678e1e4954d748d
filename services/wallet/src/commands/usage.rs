//! Filters of usage records. Recording a use is a command of the batch.

use super::wallets::WalletRef;

/// Which records of a wallet are listed.
#[derive(Debug, Clone)]
pub struct UsageFilter {
    /// The wallet.
    pub wallet: WalletRef,
    /// The product; empty: all.
    pub product: String,
}
