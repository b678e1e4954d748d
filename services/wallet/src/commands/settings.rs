//! Commands about a tenant's settings.

use payterms_kernel::Money;
use payterms_wallet_domain::{MethodKind, TaxKind, settings::ProviderRoute};

/// An account at Stripe to connect.
#[derive(Clone)]
pub struct ConnectStripe {
    /// The secret key.
    pub secret_key: String,
    /// Whether money moves with it.
    pub live: bool,
    /// Its last characters.
    pub key_ending: String,
    /// The secret that notifications are signed with.
    pub webhook_secret: String,
    /// The account in whose name a platform's key asks; empty: its own.
    pub connected_account: String,
    /// Where people come back to.
    pub return_url: String,
}

/// Secrets are not shown.
impl std::fmt::Debug for ConnectStripe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectStripe")
            .field("key_ending", &self.key_ending)
            .finish_non_exhaustive()
    }
}

/// New values of settings, and which of them count.
#[derive(Debug, Clone)]
pub struct UpdateSettings {
    /// The provider.
    pub provider: String,
    /// The routes to others.
    pub provider_routes: Vec<ProviderRoute>,
    /// Whether it is the default.
    pub provider_default: bool,
    /// The chosen kinds.
    pub methods: Vec<MethodKind>,
    /// What top-ups make.
    pub top_up_tax_kind: TaxKind,
    /// The least amounts.
    pub minimums: Vec<(MethodKind, Money)>,
    /// The least monthly commitments.
    pub postpaid_minimums: Vec<Money>,
    /// Days after which bought credit expires.
    pub purchased_expire_days: u32,
    /// The fields to change.
    pub paths: Vec<String>,
    /// The version that may be changed; empty: any.
    pub etag: String,
}
