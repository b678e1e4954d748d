//! The port to payment providers, and their adapters.

pub mod measured;
pub mod simulator;
pub mod stripe;

use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, error::not_yet};
use payterms_kernel::{Id, Money, Reason, TenantId};
use payterms_wallet_domain::{
    Customer, MethodKind, MethodSetup, dispute::ProviderDispute, method_setup::SavedCard,
    refund::Refunded,
};
use uuid::Uuid;

/// The provider did not answer, or its answer does not show what happened.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the provider's answer is unknown: {0}")]
pub struct Unknown(pub String);

/// Why nothing is taken in of a notification.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unread {
    /// It is not the provider's, or is not of now.
    #[error("{0}")]
    Forged(String),
    /// It could not be checked.
    #[error(transparent)]
    Unknown(Unknown),
}

/// The decline code of a charge that the provider refuses to accept at all.
const REJECTED: &str = "rejected_by_provider";

/// The refusal while the provider's answer is unknown. The flow stays open and its recovery asks
/// again.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
pub fn unanswered(unknown: Unknown) -> AppError {
    tracing::warn!(error = %unknown, "the payment provider does not answer");
    not_yet(
        Reason::PROVIDER_UNAVAILABLE,
        "The payment provider does not answer. Retry with the same request id.",
    )
}

/// A hosted page to make.
#[derive(Debug, Clone)]
pub struct SetupOrder {
    /// The tenant.
    pub tenant: TenantId,
    /// The same key makes one page.
    pub key: Uuid,
    /// The set-up.
    pub setup: Id<MethodSetup>,
    /// For whom a method is saved.
    pub customer: Id<Customer>,
    /// What is saved.
    pub kind: MethodKind,
    /// The country of the customer, whose bank it is.
    pub country: String,
}

/// A hosted page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedPage {
    /// The provider's id of the set-up.
    pub setup_id: String,
    /// Where the person goes.
    pub url: String,
}

/// A charge to make.
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

/// A refund to make.
#[derive(Debug, Clone)]
pub struct RefundOrder {
    /// The tenant.
    pub tenant: TenantId,
    /// The same key never refunds twice.
    pub key: Uuid,
    /// The provider's id of the charge.
    pub charge_id: String,
    /// How much.
    pub amount: Money,
}

pub use payterms_wallet_domain::top_up::ProviderCharge;

/// A refund at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderRefund {
    /// The provider's id of the refund.
    pub id: String,
    /// Its outcome.
    pub outcome: Refunded,
}

/// The subject of a notification. The notification itself is not trusted: the provider is asked for
/// the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A person has saved a method: the provider's id of the set-up.
    Setup(String),
    /// A charge may have ended: the provider's id of the charge.
    Charge(String),
    /// An issuer has taken a charge back, or the dispute of it is decided: the provider's id of the
    /// charge.
    Dispute(String),
}

/// A payment provider.
#[tonic::async_trait]
pub trait PaymentProvider: Send + Sync + 'static {
    /// Whether it saves and charges methods of a kind, of customers in a country.
    fn takes(&self, kind: MethodKind, country: &str) -> bool;

    /// Makes a hosted page, once per key.
    async fn create_setup(&self, order: &SetupOrder) -> Result<HostedPage, Unknown>;

    /// The card or account that the person saved, or none yet.
    async fn saved_card(
        &self,
        tenant: &TenantId,
        setup_id: &str,
    ) -> Result<Option<SavedCard>, Unknown>;

    /// Charges, once per key: a repeated call returns the first charge.
    async fn charge(&self, order: &ChargeOrder) -> Result<ProviderCharge, Unknown>;

    /// The charge with a key; `None` if the provider never received it.
    async fn find_charge(
        &self,
        tenant: &TenantId,
        key: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Option<ProviderCharge>, Unknown>;

    /// Refunds, once per key: a repeated call returns the first refund.
    async fn refund(&self, order: &RefundOrder) -> Result<ProviderRefund, Unknown>;

    /// What the issuer has taken back of a charge, by the provider's id, and how the dispute of it
    /// stands; `None` if there is none.
    async fn find_dispute(
        &self,
        tenant: &TenantId,
        charge_id: &str,
    ) -> Result<Option<ProviderDispute>, Unknown>;

    /// The subject of a notification whose signature is the provider's; `Ok(None)` if the wallet
    /// does not need it.
    ///
    /// # Errors
    /// `Forged` if the signature is not the provider's.
    async fn read_notification(
        &self,
        tenant: &TenantId,
        body: &[u8],
        signature: &str,
    ) -> Result<Option<News>, Unread>;
}
