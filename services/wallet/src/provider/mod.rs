//! The port to payment providers, and their adapters.

pub mod simulator;

use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, error::not_yet};
use payterms_kernel::{Money, TenantId};
use payterms_wallet_domain::{MethodKind, method_setup::SavedCard, refund::Refunded, top_up::Charged};
use uuid::Uuid;

/// The provider did not answer, or not in a way that tells what happened.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the provider's answer is unknown: {0}")]
pub struct Unknown(pub String);

/// The refusal where the provider did not say what happened: the flow waits and asks again.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
pub fn unanswered(unknown: Unknown) -> AppError {
    tracing::warn!(error = %unknown, "the payment provider does not answer");
    not_yet("PROVIDER_UNAVAILABLE", "The payment provider does not answer. Retry with the same request id.")
}

/// A hosted page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedPage {
    /// The provider's id of the set-up.
    pub setup_id: String,
    /// Where the person goes.
    pub url: String,
}

/// What is charged.
#[derive(Debug, Clone)]
pub struct ChargeOrder {
    /// The tenant.
    pub tenant: TenantId,
    /// The same key never charges twice.
    pub key: Uuid,
    /// The provider's name of the method.
    pub token: String,
    /// How much.
    pub amount: Money,
    /// The tenant's time.
    pub now: DateTime<Utc>,
}

/// What is given back of a charge.
#[derive(Debug, Clone)]
pub struct RefundOrder {
    /// The tenant.
    pub tenant: TenantId,
    /// The same key never gives back twice.
    pub key: Uuid,
    /// The provider's id of the charge.
    pub charge_id: String,
    /// How much.
    pub amount: Money,
}

/// What the provider knows of a charge: its id and how it stands.
pub type ProviderCharge = (String, Charged);

/// What a notification is about; the provider is asked how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A person has saved a method: the provider's id of the set-up.
    Setup(String),
    /// An issuer has taken a charge back: the provider's id of the charge.
    Return(String),
}

/// A payment provider.
#[tonic::async_trait]
pub trait PaymentProvider: Send + Sync + 'static {
    /// Makes a hosted page, once per key.
    async fn create_setup(&self, tenant: &TenantId, (key, kind): (Uuid, MethodKind)) -> Result<HostedPage, Unknown>;

    /// The card that the person saved, or none yet.
    async fn saved_card(&self, tenant: &TenantId, setup_id: &str) -> Result<Option<SavedCard>, Unknown>;

    /// Charges, once per key.
    async fn charge(&self, order: &ChargeOrder) -> Result<ProviderCharge, Unknown>;

    /// What became of the charge with a key; none if the provider has never heard of it.
    async fn find_charge(&self, tenant: &TenantId, key: Uuid, now: DateTime<Utc>) -> Result<Option<ProviderCharge>, Unknown>;

    /// Gives back, once per key: asked again it tells what became of it.
    async fn refund(&self, order: &RefundOrder) -> Result<(String, Refunded), Unknown>;

    /// What the issuer has taken back of a charge, by the provider's id; none if nothing.
    async fn find_return(&self, tenant: &TenantId, charge_id: &str) -> Result<Option<Money>, Unknown>;

    /// What a notification is about, if its signature is the provider's; `Ok(None)` for news of no
    /// interest.
    ///
    /// # Errors
    /// A sentence if the signature is not the provider's.
    fn read_notification(&self, body: &[u8], signature: &str) -> Result<Option<News>, String>;
}
