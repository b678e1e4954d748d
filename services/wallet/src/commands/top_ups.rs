//! Commands about top-ups.

use super::wallets::WalletRef;
use payterms_kernel::{Id, Money};
use payterms_wallet_domain::PaymentMethod;

/// Buys credit.
#[derive(Debug, Clone)]
pub struct CreateTopUp {
    /// Into which wallet.
    pub wallet: WalletRef,
    /// How much.
    pub amount: Money,
    /// From what; none: the purchase default.
    pub method: Option<Id<PaymentMethod>>,
}
