//! Commands about recurring fees.

use super::wallets::WalletRef;
use payterms_kernel::{Id, Money};
use payterms_wallet_domain::RecurringFee;

/// Begins a recurring fee.
#[derive(Debug, Clone)]
pub struct CreateRecurringFee {
    /// Of which wallet.
    pub wallet: WalletRef,
    /// How much a month.
    pub amount: Money,
    /// What for.
    pub description: String,
}

/// A recurring fee that a request names.
#[derive(Debug, Clone)]
pub struct RecurringFeeRef {
    /// Its wallet.
    pub wallet: WalletRef,
    /// The fee.
    pub fee: Id<RecurringFee>,
}
