//! Commands about a tenant's settings.

use payterms_kernel::Money;
use payterms_wallet_domain::{MethodKind, TaxKind};

/// New values of settings, and which of them count.
#[derive(Debug, Clone)]
pub struct UpdateSettings {
    /// The provider.
    pub provider: String,
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
