//! References to wallets, and commands about a wallet as a whole.

use super::customers::CustomerRef;
use chrono::{DateTime, Utc};
use payterms_chassis::listing::Listing;
use payterms_kernel::{Currency, Id, Marks, TenantId};
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

/// Which wallets are listed.
#[derive(Debug, Clone)]
pub struct ListWallets {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose; none: of all customers.
    pub customer: Option<Id<Customer>>,
    /// What else must hold, the order and the page.
    pub listing: Listing,
}

/// Which resources of wallets are listed: of one wallet, of all of a customer, or of all of the
/// tenant.
#[derive(Debug, Clone)]
pub struct ListOfWallets {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose; none: of all customers.
    pub customer: Option<Id<Customer>>,
    /// Of which wallet; none: of all.
    pub wallet: Option<Id<Wallet>>,
    /// What else must hold, the order and the page.
    pub listing: Listing,
}

impl ListOfWallets {
    /// The wallet, if one is named.
    #[must_use]
    pub fn one_wallet(&self) -> Option<WalletRef> {
        let (customer, wallet) = self.customer.zip(self.wallet)?;
        Some(WalletRef { tenant: self.tenant.clone(), customer, wallet })
    }
}

/// Opens a wallet.
#[derive(Debug, Clone)]
pub struct OpenWallet {
    /// Whose.
    pub customer: CustomerRef,
    /// In which currency.
    pub currency: Currency,
    /// The tenant's own id of it, and labels.
    pub marks: Marks,
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
