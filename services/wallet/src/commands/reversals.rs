//! Commands about reversals.

use super::wallets::WalletRef;
use payterms_chassis::page::Page;
use payterms_kernel::Id;
use payterms_wallet_domain::{
    Transfer, UsageRecord, metered_reversal::MeteredOrder, reversal::Order,
};
use uuid::Uuid;

/// Reverses a transfer.
#[derive(Debug, Clone)]
pub struct ReverseTransfer {
    /// The wallet.
    pub wallet: WalletRef,
    /// The transfer.
    pub transfer: Id<Transfer>,
    /// How much, when, and why.
    pub order: Order,
}

/// Reverses a use that a metered service bills.
#[derive(Debug, Clone)]
pub struct ReverseMeteredUse {
    /// The wallet.
    pub wallet: WalletRef,
    /// The use.
    pub record: Id<UsageRecord>,
    /// How much, when, and why.
    pub order: MeteredOrder,
}

/// Which reversals are listed.
#[derive(Debug, Clone)]
pub struct ListReversals {
    /// The wallet.
    pub wallet: WalletRef,
    /// Of which transfer or metered use; none: of all.
    pub reversed: Option<Uuid>,
    /// The page.
    pub page: Page,
}
