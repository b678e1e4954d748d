//! Commands that take credit at once.

use super::wallets::WalletRef;
use payterms_kernel::Money;

/// An amount to take, and what for.
#[derive(Debug, Clone)]
pub struct Take {
    /// From where.
    pub wallet: WalletRef,
    /// How much.
    pub amount: Money,
    /// What for.
    pub description: String,
    /// Whether a fee is left out of the list of fees.
    pub unlisted: bool,
}
