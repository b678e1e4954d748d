//! Commands about top-ups.

use super::wallets::WalletRef;
use payterms_kernel::{Id, Marks, Money};
use payterms_wallet_domain::{PaymentMethod, TopUp, top_up_refund::RefundRequest};

/// Buys credit.
#[derive(Debug, Clone)]
pub struct CreateTopUp {
    /// Into which wallet.
    pub wallet: WalletRef,
    /// How much.
    pub amount: Money,
    /// From what; none: the purchase default.
    pub method: Option<Id<PaymentMethod>>,
    /// The tenant's own id of the top-up, and labels.
    pub marks: Marks,
}

/// A top-up that a request names.
#[derive(Debug, Clone)]
pub struct TopUpRef {
    /// Its wallet.
    pub wallet: WalletRef,
    /// The top-up.
    pub top_up: Id<TopUp>,
}

/// Refunds a top-up.
#[derive(Debug, Clone)]
pub struct RefundTopUp {
    /// The top-up.
    pub top_up: TopUpRef,
    /// How much, and why.
    pub request: RefundRequest,
}
