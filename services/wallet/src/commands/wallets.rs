//! References to wallets, and commands about a wallet as a whole.

use super::customers::CustomerRef;
use chrono::{DateTime, Utc};
use payterms_kernel::{Currency, Id, TenantId};
use payterms_wallet_domain::{Customer, Wallet};

/// A wallet that a request names.
#[derive(Debug, Clone)]
pub struct WalletRef {
    /// The tenant.
    pub tenant: TenantId,
    /// The customer.
    pub customer: Id<Customer>,
    /// The wallet.
    pub wallet: Id<Wallet>,
}

impl WalletRef {
    /// The wallet's name.
    #[must_use]
    pub fn name(&self) -> String {
        wallet_name(&self.tenant, self.customer, self.wallet)
    }
}

/// The name of a wallet.
#[must_use]
pub fn wallet_name(tenant: &TenantId, customer: Id<Customer>, wallet: Id<Wallet>) -> String {
    format!("tenants/{tenant}/customers/{customer}/wallets/{wallet}")
}

/// The name of a wallet that is loaded.
#[must_use]
pub fn name_of(tenant: &TenantId, wallet: &Wallet) -> String {
    wallet_name(tenant, wallet.customer, wallet.id)
}

/// Opens a wallet.
#[derive(Debug, Clone)]
pub struct OpenWallet {
    /// Whose.
    pub customer: CustomerRef,
    /// In which currency.
    pub currency: Currency,
}

/// The instant of a requested balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// Now.
    Now,
    /// By the time of recording.
    Recorded(DateTime<Utc>),
    /// By the effective time.
    Effective(DateTime<Utc>),
}
