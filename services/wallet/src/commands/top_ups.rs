//! Commands about top-ups.

use super::wallets::WalletRef;
use payterms_chassis::listing::Listing;
use payterms_kernel::{Id, Money, TenantId};
use payterms_wallet_domain::{Customer, PaymentMethod, TopUp, Wallet, top_up_refund::RefundRequest};

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

/// Which top-ups are listed.
#[derive(Debug, Clone)]
pub struct ListTopUps {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose; none: of all customers.
    pub customer: Option<Id<Customer>>,
    /// Into which wallet; none: into all.
    pub wallet: Option<Id<Wallet>>,
    /// What else must hold, the order and the page.
    pub listing: Listing,
}
