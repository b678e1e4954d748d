//! The means of the use cases.

use crate::{
    commands::batch::BatchCommitter,
    provider::{
        PaymentProvider,
        stripe::{self, Stripe},
    },
};
use payterms_chassis::{AppError, Db, flow::Flows, page::PageSigner};
use payterms_kernel::{Reason, Refusal};
use payterms_wallet_domain::WalletSettings;
use std::sync::Arc;

/// The database, the flows, the committer and the provider that the use cases need.
#[derive(Clone)]
pub struct App {
    /// The wallet's database.
    pub db: Db,
    /// Signs page tokens.
    pub pages: PageSigner,
    /// The wallet's flows.
    pub flows: Flows,
    /// Commits the calls of the batched verbs together.
    pub batches: BatchCommitter,
    /// The payment simulator, if one is connected.
    pub(crate) simulator: Option<Arc<dyn PaymentProvider>>,
    /// Stripe, measured.
    pub(crate) stripe: Option<Arc<dyn PaymentProvider>>,
    /// What connects tenants to Stripe; it is there where Stripe is.
    pub(crate) stripe_accounts: Option<Stripe>,
}

impl App {
    /// The payment provider of that name.
    ///
    /// # Errors
    /// `METHOD_NOT_OFFERED` if this installation has none of that name.
    pub fn provider(&self, name: &str) -> Result<&Arc<dyn PaymentProvider>, Refusal> {
        let provider = match name {
            "simulator" => self.simulator.as_ref(),
            stripe::NAME => self.stripe.as_ref(),
            _ => None,
        };
        provider.ok_or_else(|| {
            let message = "No payment provider of that name is connected.";
            Refusal::precondition(Reason::METHOD_NOT_OFFERED, message).with("provider", name)
        })
    }

    /// Refuses a provider that this deployment does not have, or at which the tenant has no account.
    ///
    /// # Errors
    /// `METHOD_NOT_OFFERED`, `STRIPE_NOT_CONNECTED`.
    pub fn must_reach(&self, settings: &WalletSettings, provider: &str) -> Result<(), Refusal> {
        self.provider(provider)?;
        settings.must_be_connected_to(provider)
    }

    /// What connects tenants to Stripe.
    ///
    /// # Errors
    /// `FEATURE_DISABLED` where this installation has no key to seal theirs with.
    pub fn stripe_accounts(&self) -> Result<&Stripe, AppError> {
        let message =
            "Stripe cannot be connected here: there is no key to seal the tenant's key with.";
        Ok(self
            .stripe_accounts
            .as_ref()
            .ok_or_else(|| Refusal::precondition(Reason::FEATURE_DISABLED, message))?)
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("db", &self.db).finish_non_exhaustive()
    }
}
