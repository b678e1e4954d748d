//! Commands about revocations.

use super::{lots::LotRef, wallets::WalletRef};
use payterms_chassis::page::Page;
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{Customer, Revocation, RevocationState, Wallet, revocation::Proposal};

/// Proposes a revocation.
#[derive(Debug, Clone)]
pub struct ProposeRevocation {
    /// The lot.
    pub lot: LotRef,
    /// How much, and why.
    pub proposal: Proposal,
}

/// A revocation that a request names.
#[derive(Debug, Clone)]
pub struct RevocationRef {
    /// Its wallet.
    pub wallet: WalletRef,
    /// The revocation.
    pub revocation: Id<Revocation>,
}

/// Decides a proposal.
#[derive(Debug, Clone)]
pub struct DecideRevocation {
    /// The revocation.
    pub named: RevocationRef,
    /// Whether the credit is taken.
    pub approve: bool,
    /// What is said with it.
    pub answer: String,
}

/// Gives revoked credit back.
#[derive(Debug, Clone)]
pub struct RestoreCredit {
    /// The revocation.
    pub named: RevocationRef,
    /// Why.
    pub answer: String,
}

/// Which revocations are listed.
#[derive(Debug, Clone)]
pub struct ListRevocations {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose; none: of all customers.
    pub customer: Option<Id<Customer>>,
    /// Of which wallet; none: of all.
    pub wallet: Option<Id<Wallet>>,
    /// In which state; none: in any.
    pub state: Option<RevocationState>,
    /// The page.
    pub page: Page,
}
