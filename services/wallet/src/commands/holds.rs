//! References to holds, and how much of one is captured.

use super::wallets::WalletRef;
use payterms_kernel::Id;
use payterms_wallet_domain::Hold;

/// A hold that a request names.
#[derive(Debug, Clone)]
pub struct HoldRef {
    /// Its wallet.
    pub wallet: WalletRef,
    /// The hold.
    pub hold: Id<Hold>,
}

pub use payterms_wallet_domain::hold::Capture;
