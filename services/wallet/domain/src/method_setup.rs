//! The set-up of a payment method on the provider's page (docs/domain/wallet.md#method-setup).

use crate::{
    customer::Customer,
    method::{MethodKind, PaymentMethod},
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Id, Reason, Refusal};

/// The lifetime of a hosted page that nobody uses.
pub const SETUP_HOURS: i64 = 24;
/// The accepted card brands.
const BRANDS: [&str; 4] = ["visa", "mastercard", "amex", "jcb"];

/// Where a set-up is in its lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupState {
    /// The provider has not answered yet.
    Created,
    /// The page waits for the person.
    Pending,
    /// The method is saved.
    Active,
    /// The method was not accepted.
    Failed,
    /// The person did not come in time.
    Expired,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    SetupState { Created = "CREATED", Pending = "PENDING", Active = "ACTIVE", Failed = "FAILED", Expired = "EXPIRED" }
}

/// A visit to the provider's hosted page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodSetup {
    /// Its id.
    pub id: Id<MethodSetup>,
    /// The customer for whom the method is saved.
    pub customer: Id<Customer>,
    /// The kind of method to save.
    pub kind: MethodKind,
    /// Where it is.
    pub state: SetupState,
    /// The provider.
    pub provider: String,
    /// The provider's id of the set-up.
    pub provider_setup_id: String,
    /// The page.
    pub hosted_url: String,
    /// The method, once there is one.
    pub method: Option<Id<PaymentMethod>>,
    /// Why it failed.
    pub failure_reason: String,
    /// When the page closes.
    pub expires_at: DateTime<Utc>,
    /// When it was started.
    pub created_at: DateTime<Utc>,
}

/// A card or bank account that a person saved at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedCard {
    /// The provider's token for it.
    pub token: String,
    /// Brand.
    pub brand: String,
    /// Last four digits.
    pub last_four: String,
    /// Month of expiry.
    pub expire_month: u32,
    /// Year of expiry; 0 for a bank account.
    pub expire_year: i32,
    /// Reference of the mandate; empty for a card.
    pub mandate: String,
}

impl MethodSetup {
    /// A set-up that is not yet at the provider. The profile must be complete.
    ///
    /// # Errors
    /// `PROFILE_INCOMPLETE`.
    pub fn start(
        id: Id<Self>,
        customer: &Customer,
        kind: MethodKind,
        provider: &str,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        customer.must_have_profile()?;
        Ok(Self {
            id,
            customer: customer.id,
            kind,
            state: SetupState::Created,
            provider: provider.to_owned(),
            provider_setup_id: String::new(),
            hosted_url: String::new(),
            method: None,
            failure_reason: String::new(),
            expires_at: now + TimeDelta::hours(SETUP_HOURS),
            created_at: now,
        })
    }

    /// Records the page that the provider has made.
    pub fn page_made(&mut self, provider_setup_id: String, hosted_url: String) {
        self.state = SetupState::Pending;
        self.provider_setup_id = provider_setup_id;
        self.hosted_url = hosted_url;
    }

    /// Records the card that the person saved. Returns the method, or `None` if the brand is not
    /// accepted.
    pub fn card_saved(
        &mut self,
        id: Id<PaymentMethod>,
        card: SavedCard,
        now: DateTime<Utc>,
    ) -> Option<PaymentMethod> {
        if self.state != SetupState::Pending {
            return None;
        }
        self.hosted_url.clear();
        if self.kind == MethodKind::Card && !BRANDS.contains(&card.brand.as_str()) {
            self.state = SetupState::Failed;
            self.failure_reason = Reason::CARD_BRAND_NOT_ACCEPTED.into();
            return None;
        }
        self.state = SetupState::Active;
        self.method = Some(id);
        Some(PaymentMethod {
            id,
            kind: self.kind,
            active: true,
            provider: self.provider.clone(),
            provider_token: card.token,
            brand: card.brand,
            last_four: card.last_four,
            expire_month: card.expire_month,
            expire_year: card.expire_year,
            mandate: card.mandate,
            charged_back: false,
            created_at: now,
        })
    }

    /// Closes an unused page that has expired. Returns false if there is nothing to do.
    pub fn expire(&mut self, now: DateTime<Utc>) -> bool {
        let is_expired = self.state == SetupState::Pending && self.expires_at <= now;
        if is_expired {
            self.state = SetupState::Expired;
            self.hosted_url.clear();
        }
        is_expired
    }
}
