//! References to holds, and how much of one is captured.

use super::wallets::WalletRef;
use payterms_kernel::{Id, Money};
use payterms_wallet_domain::Hold;

/// A hold that a request names.
#[derive(Debug, Clone)]
pub struct HoldRef {
    /// Its wallet.
    pub wallet: WalletRef,
    /// The hold.
    pub hold: Id<Hold>,
}

/// How much is captured (`None`: all), and whether the hold ends.
pub type Capture = (Option<Money>, bool);
