//! Commands about postpaid agreements.

use super::wallets::WalletRef;
use payterms_kernel::{Id, Money};
use payterms_wallet_domain::postpaid::{Agreement, Terms};

/// An agreement that a request names.
#[derive(Debug, Clone)]
pub struct AgreementRef {
    /// Its wallet.
    pub wallet: WalletRef,
    /// The agreement.
    pub agreement: Id<Agreement>,
}

/// Asks for an agreement.
#[derive(Debug, Clone)]
pub struct RequestPostpaid {
    /// For which wallet.
    pub wallet: WalletRef,
    /// Under which terms.
    pub terms: Terms,
}

/// Says yes or no.
#[derive(Debug, Clone)]
pub struct DecidePostpaid {
    /// To which agreement.
    pub agreement: AgreementRef,
    /// Whether the answer is yes.
    pub approve: bool,
    /// Another commitment than was asked.
    pub commitment: Option<Money>,
    /// Another limit than was asked.
    pub limit: Option<Money>,
    /// What the customer should know.
    pub explanation: String,
}

/// Ends an agreement early.
#[derive(Debug, Clone)]
pub struct TerminatePostpaid {
    /// Which.
    pub agreement: AgreementRef,
    /// What the customer should know.
    pub explanation: String,
}
