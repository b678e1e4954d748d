//! Payment methods: their set-up on the provider's page, and the two pointers
//! (docs/domain.md, Payment methods).

use crate::customer::Customer;
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use payterms_kernel::{Id, Refusal};

/// How long an unused hosted page stays open.
pub const SETUP_HOURS: i64 = 24;
/// The brands that are taken.
const BRANDS: [&str; 4] = ["visa", "mastercard", "amex", "jcb"];

/// What a method is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MethodKind {
    /// A card.
    Card,
    /// A bank transfer, which the payer makes: nothing is saved.
    BankTransfer,
    /// A bank account that is debited under a mandate; it settles after days.
    BankDebit,
}

/// What a customer pays with. The provider's token has no way into logs: no `Display`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentMethod {
    /// Its id.
    pub id: Id<PaymentMethod>,
    /// What it is.
    pub kind: MethodKind,
    /// False once removed.
    pub active: bool,
    /// The provider that knows it.
    pub provider: String,
    /// The provider's name for it.
    pub provider_token: String,
    /// Brand of the card.
    pub brand: String,
    /// Last four digits.
    pub last_four: String,
    /// Month of expiry.
    pub expire_month: u32,
    /// Year of expiry.
    pub expire_year: i32,
    /// Reference of the mandate; empty for a card.
    pub mandate: String,
    /// Whether an issuer has taken a charge of it back.
    pub charged_back: bool,
    /// When it was saved.
    pub created_at: DateTime<Utc>,
}

impl PaymentMethod {
    /// Whether a card is good on a day: it is until the end of its month. A bank account does not expire.
    #[must_use]
    pub fn is_unexpired(&self, day: NaiveDate) -> bool {
        self.kind == MethodKind::BankDebit || (self.expire_year, self.expire_month) >= (day.year(), day.month())
    }

    /// Refuses a method that has been removed or is over.
    ///
    /// # Errors
    /// `METHOD_STATE`.
    pub fn must_be_usable(&self, day: NaiveDate) -> Result<(), Refusal> {
        match (self.active, self.is_unexpired(day)) {
            (true, true) => Ok(()),
            (false, _) => Err(Refusal::state("METHOD_STATE", "The payment method", "REMOVED", &[])),
            (true, false) => Err(Refusal::state("METHOD_STATE", "The payment method", "EXPIRED", &["RemovePaymentMethod"])),
        }
    }
}

impl PaymentMethod {
    /// Refuses a method that may not be charged without a person present.
    ///
    /// # Errors
    /// `METHOD_STATE`.
    pub fn must_be_collectable(&self, day: NaiveDate) -> Result<(), Refusal> {
        self.must_be_usable(day)?;
        if self.charged_back {
            return Err(Refusal::state("METHOD_STATE", "The payment method", "CHARGED_BACK", &["StartMethodSetup"]));
        }
        Ok(())
    }
}

/// A customer's active methods, newest first, and the two pointers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Methods {
    /// Newest first.
    pub active: Vec<PaymentMethod>,
    /// What purchases use unless told otherwise: any method.
    pub purchase_default: Option<Id<PaymentMethod>>,
    /// What is charged without a person present: an unexpired card, or a bank account.
    pub collection: Option<Id<PaymentMethod>>,
}

impl Methods {
    /// The active method with this id.
    #[must_use]
    pub fn get(&self, id: Id<PaymentMethod>) -> Option<&PaymentMethod> {
        self.active.iter().find(|method| method.id == id)
    }

    /// Adds a method; it becomes what a pointer lacks.
    pub fn add(&mut self, method: PaymentMethod) {
        self.purchase_default.get_or_insert(method.id);
        self.collection.get_or_insert(method.id);
        self.active.insert(0, method);
    }

    /// Removes a method; a pointer to it goes to the newest other that qualifies.
    pub fn remove(&mut self, id: Id<PaymentMethod>, day: NaiveDate) {
        self.active.retain(|method| method.id != id);
        if self.purchase_default == Some(id) {
            self.purchase_default = self.active.iter().find(|method| method.is_unexpired(day)).map(|method| method.id);
        }
        self.point_collection_away(id, day);
    }

    /// An issuer has taken a charge of a method back: it is not charged without a person any more.
    pub fn stop_charging(&mut self, id: Id<PaymentMethod>, day: NaiveDate) {
        for method in self.active.iter_mut().filter(|method| method.id == id) {
            method.charged_back = true;
        }
        self.point_collection_away(id, day);
    }

    fn point_collection_away(&mut self, id: Id<PaymentMethod>, day: NaiveDate) {
        if self.collection == Some(id) {
            self.collection = self.active.iter().find(|method| method.is_unexpired(day) && !method.charged_back).map(|method| method.id);
        }
    }
}

/// Where a set-up is in its lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupState {
    /// The provider has not answered yet.
    Created,
    /// The page waits for the person.
    Pending,
    /// The method is saved.
    Active,
    /// The method is not taken.
    Failed,
    /// The person did not come in time.
    Expired,
}

impl SetupState {
    /// The name of the state, as in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Pending => "PENDING",
            Self::Active => "ACTIVE",
            Self::Failed => "FAILED",
            Self::Expired => "EXPIRED",
        }
    }
}

/// A visit to the provider's hosted page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodSetup {
    /// Its id.
    pub id: Id<MethodSetup>,
    /// Whose method it will be.
    pub customer: Id<Customer>,
    /// What is to be saved.
    pub kind: MethodKind,
    /// Where it is.
    pub state: SetupState,
    /// The provider.
    pub provider: String,
    /// The provider's name for it.
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

/// What the provider knows of a card or bank account that a person saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedCard {
    /// The provider's name for it.
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
    /// A set-up that the provider has not heard of yet. The profile must be complete.
    ///
    /// # Errors
    /// `PROFILE_INCOMPLETE`.
    pub fn start(id: Id<Self>, customer: &Customer, (kind, provider): (MethodKind, &str), now: DateTime<Utc>) -> Result<Self, Refusal> {
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

    /// The provider's page is there.
    pub fn page_made(&mut self, provider_setup_id: String, hosted_url: String) {
        self.state = SetupState::Pending;
        self.provider_setup_id = provider_setup_id;
        self.hosted_url = hosted_url;
    }

    /// Takes in the card that the person saved; answers the method, unless the brand is not
    /// taken.
    pub fn card_saved(&mut self, id: Id<PaymentMethod>, card: SavedCard, now: DateTime<Utc>) -> Option<PaymentMethod> {
        if self.state != SetupState::Pending {
            return None;
        }
        self.hosted_url.clear();
        if self.kind == MethodKind::Card && !BRANDS.contains(&card.brand.as_str()) {
            self.state = SetupState::Failed;
            "CARD_BRAND_NOT_ACCEPTED".clone_into(&mut self.failure_reason);
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

    /// Closes an unused page whose time is over; false if there is nothing to do.
    pub fn expire(&mut self, now: DateTime<Utc>) -> bool {
        let over = self.state == SetupState::Pending && self.expires_at <= now;
        if over {
            self.state = SetupState::Expired;
            self.hosted_url.clear();
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::{MethodKind, Methods, PaymentMethod};
    use chrono::{DateTime, NaiveDate};
    use payterms_kernel::Id;

    fn card(n: u128, expire_year: i32) -> PaymentMethod {
        PaymentMethod {
            id: Id::from_uuid(uuid::Uuid::from_u128(n)),
            kind: MethodKind::Card,
            active: true,
            provider: "simulator".into(),
            provider_token: String::new(),
            brand: "visa".into(),
            last_four: "4242".into(),
            expire_month: 6,
            expire_year,
            mandate: String::new(),
            charged_back: false,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn removing_a_default_promotes_the_newest_other_that_qualifies() {
        let day = NaiveDate::from_ymd_opt(2026, 6, 30).unwrap();
        let (old, expired, new) = (card(1, 2027), card(2, 2025), card(3, 2026));
        let mut methods = Methods::default();
        for method in [&old, &expired, &new] {
            methods.add(method.clone());
        }
        assert_eq!((methods.purchase_default, methods.collection), (Some(old.id), Some(old.id)));
        methods.purchase_default = Some(new.id);
        methods.remove(new.id, day);
        assert_eq!((methods.purchase_default, methods.collection), (Some(old.id), Some(old.id)), "the expired one does not qualify");
        methods.remove(old.id, day);
        assert_eq!((methods.purchase_default, methods.collection), (None, None));
    }

    #[test]
    fn a_card_is_good_until_the_end_of_its_month() {
        let day = |text: &str| text.parse().unwrap();
        assert!(card(1, 2026).is_unexpired(day("2026-06-30")));
        assert!(!card(1, 2026).is_unexpired(day("2026-07-01")));
    }
}
