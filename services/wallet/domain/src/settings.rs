//! A tenant's settings for selling credit (docs/domain/wallet.md#prepayment).

use crate::{
    lot::TaxKind,
    method::MethodKind,
    stripe_connection::{StripeAccount, StripeConnection},
};
use chrono::{DateTime, Days, Utc};
use chrono_tz::Tz;
use payterms_kernel::{
    Currency, Money, Reason, Refusal,
    calendar::{day_in, start_of_day},
};

/// An amount, with what counts together with it: what is done in parts is one deed
/// (docs/domain/wallet.md#second-person).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Together {
    /// What counts together, as the beginning of a sentence.
    pub what: &'static str,
    /// How much it is so far.
    pub so_far: Money,
    /// How much is asked for.
    pub amount: Money,
}

/// The provider of a kind of method, in one currency or in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderRoute {
    /// The kind.
    pub kind: MethodKind,
    /// The currency; none: every one that no other route of the kind is for.
    pub currency: Option<Currency>,
    /// The provider.
    pub provider: String,
}

/// A tenant's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletSettings {
    /// The connected provider; empty for none.
    pub provider: String,
    /// Where methods are saved at another provider, one route for each kind and currency.
    pub provider_routes: Vec<ProviderRoute>,
    /// Whether it is the default one.
    pub provider_default: bool,
    /// The kinds of method that the tenant has chosen.
    pub methods: Vec<MethodKind>,
    /// The tax kind of the credit that top-ups make.
    pub top_up_tax_kind: TaxKind,
    /// The least top-up by kind and currency.
    pub minimums: Vec<(MethodKind, Money)>,
    /// The least monthly commitment of a postpaid agreement, one figure a currency.
    pub postpaid_minimums: Vec<Money>,
    /// Whether customers may buy credit.
    pub prepayment: bool,
    /// The kinds that they are offered.
    pub prepayment_methods: Vec<MethodKind>,
    /// Whether customers do not see their invoices; a copy of the register's setting.
    pub invoices_hidden: bool,
    /// Up to which amount one person who is no owner gives something back, one figure a currency; a
    /// copy of the register's.
    pub approval_limits: Vec<Money>,
    /// Days after which purchased credit expires; 0 means never.
    pub purchased_expire_days: u32,
    /// The account at Stripe, if one is connected.
    pub stripe: Option<StripeConnection>,
    /// The account at Stripe that was connected last, where none is.
    pub former_stripe: Option<StripeAccount>,
    /// Counts changes.
    pub version: i64,
}

impl WalletSettings {
    /// The settings of a new tenant: nothing connected; top-ups are deposits; by card from 20 USD,
    /// by bank transfer from 200 AUD, postpaid from 1,000 AUD a month.
    #[must_use]
    pub fn fresh() -> Self {
        let twenty = Currency::parse("USD")
            .map(|usd| (MethodKind::Card, Money::from_micros(usd, 20_000_000)));
        let two_hundred = Currency::parse("AUD")
            .map(|aud| (MethodKind::BankTransfer, Money::from_micros(aud, 200_000_000)));
        Self {
            provider: String::new(),
            provider_routes: Vec::new(),
            provider_default: false,
            methods: Vec::new(),
            top_up_tax_kind: TaxKind::Deposit,
            minimums: twenty.into_iter().chain(two_hundred).collect(),
            postpaid_minimums: Currency::parse("AUD")
                .map(|aud| Money::from_micros(aud, 1_000_000_000))
                .into_iter()
                .collect(),
            prepayment: false,
            prepayment_methods: Vec::new(),
            invoices_hidden: false,
            approval_limits: Vec::new(),
            purchased_expire_days: 0,
            stripe: None,
            former_stripe: None,
            version: 1,
        }
    }

    /// The provider at which a method is saved whose set-up names a currency, or none
    /// (docs/domain/wallet.md#provider-routes).
    #[must_use]
    pub fn provider_for(&self, kind: MethodKind, currency: Option<Currency>) -> &str {
        let route = |of: Option<Currency>| {
            self.provider_routes.iter().find(|route| route.kind == kind && route.currency == of)
        };
        currency
            .and_then(|code| route(Some(code)))
            .or_else(|| route(None))
            .map_or(&self.provider, |route| &route.provider)
    }

    /// Refuses a provider at which the tenant has no account
    /// (docs/domain/wallet.md#stripe-connection).
    ///
    /// # Errors
    /// `STRIPE_NOT_CONNECTED`.
    pub fn must_be_connected_to(&self, provider: &str) -> Result<(), Refusal> {
        if provider == "stripe" && self.stripe.is_none() {
            return Err(Refusal::precondition(
                Reason::STRIPE_NOT_CONNECTED,
                "Connect an account at Stripe first, with ConnectStripe.",
            ));
        }
        Ok(())
    }

    /// The account at Stripe that methods were saved at.
    #[must_use]
    pub fn stripe_account(&self) -> Option<StripeAccount> {
        self.stripe.as_ref().map(StripeConnection::at).or_else(|| self.former_stripe.clone())
    }

    /// Erases the secrets of the account at Stripe. `in_use` names what still needs them.
    ///
    /// # Errors
    /// `STRIPE_NOT_CONNECTED`, `STRIPE_IN_USE`.
    pub fn disconnect_stripe(&mut self, in_use: &[String]) -> Result<(), Refusal> {
        self.must_be_connected_to("stripe")?;
        if !in_use.is_empty() {
            let message = "The account is still needed: wait for what is under way, and let customers choose other collection methods.";
            return Err(Refusal::precondition(Reason::STRIPE_IN_USE, message)
                .with("in_use", in_use.join(" ")));
        }
        self.former_stripe = self.stripe_account();
        self.stripe = None;
        self.provider_routes.retain(|route| route.provider != "stripe");
        if self.provider == "stripe" {
            self.provider.clear();
            self.provider_default = false;
        }
        self.version = self.version.saturating_add(1);
        Ok(())
    }

    /// Refuses to one person who is no owner what comes to more than the tenant's limit.
    ///
    /// # Errors
    /// `SECOND_PERSON_REQUIRED`.
    pub fn must_be_within_limit(
        &self,
        Together { what, so_far, amount }: Together,
    ) -> Result<(), Refusal> {
        let limit = self.approval_limits.iter().find(|limit| limit.currency() == amount.currency());
        let Some(limit) = limit.copied() else { return Ok(()) };
        let sum = so_far.plus(amount)?;
        if sum.compare(limit)?.is_le() {
            return Ok(());
        }
        let together = if so_far.is_positive() {
            format!(", and {what} counts together: {so_far} so far, {sum} with this")
        } else {
            String::new()
        };
        let message = format!(
            "More than {limit} takes a second person{together}. An owner of the tenant gives it back."
        );
        let refusal = Refusal::precondition(Reason::SECOND_PERSON_REQUIRED, message)
            .with("limit", limit.amount());
        Err(refusal.with("amount", sum.amount()).with("so_far", so_far.amount()))
    }

    /// When credit that is purchased now expires: at the end of its last day
    /// (docs/domain/wallet.md#purchased-expiry).
    #[must_use]
    pub fn purchased_expiry(&self, zone: Tz, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let days = Days::new(self.purchased_expire_days.into());
        let last_day =
            day_in(zone, now).checked_add_days(days).filter(|_| self.purchased_expire_days > 0)?;
        last_day.succ_opt().map(|after| start_of_day(zone, after))
    }

    /// Warnings about the tenant's settings.
    #[must_use]
    pub fn warnings(&self) -> Vec<&'static str> {
        let mut warnings = Vec::new();
        if self.purchased_expire_days > 0 {
            warnings.push(
                "Law limits the expiry of bought credit in many countries, and forbids it in some (Australia: gift cards hold for \
                 three years at least). Take advice before credit that customers have paid for expires.",
            );
        }
        warnings
    }

    /// The least monthly commitment.
    ///
    /// # Errors
    /// `CURRENCY_NOT_OFFERED`.
    pub fn postpaid_minimum(&self, currency: Currency) -> Result<Money, Refusal> {
        self.postpaid_minimums.iter().find(|minimum| minimum.currency() == currency).copied().ok_or_else(|| {
            let message = format!("The tenant has set no least commitment in {currency}, so nothing is postpaid in it.");
            Refusal::precondition(Reason::CURRENCY_NOT_OFFERED, message).with("currency", currency)
        })
    }

    /// The least top-up.
    ///
    /// # Errors
    /// `CURRENCY_NOT_OFFERED`.
    pub fn minimum(&self, kind: MethodKind, currency: Currency) -> Result<Money, Refusal> {
        let figure = self
            .minimums
            .iter()
            .find(|(sold_by, least)| *sold_by == kind && least.currency() == currency);
        figure.map(|(_, least)| *least).ok_or_else(|| {
            let message = format!(
                "The tenant has set no least amount in {currency}, so nothing is sold in it."
            );
            Refusal::precondition(Reason::CURRENCY_NOT_OFFERED, message).with("currency", currency)
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Currency, MethodKind, ProviderRoute, WalletSettings};

    pub(crate) fn connected() -> WalletSettings {
        WalletSettings {
            provider: "simulator".into(),
            provider_default: true,
            methods: vec![MethodKind::Card],
            ..WalletSettings::fresh()
        }
    }

    #[test]
    fn the_route_of_the_currency_comes_before_that_of_the_kind() {
        let euro = Currency::parse("EUR").unwrap();
        let route = |kind, currency, provider: &str| ProviderRoute {
            kind,
            currency,
            provider: provider.to_owned(),
        };
        let by_kind = route(MethodKind::Card, None, "of the kind");
        let settings = WalletSettings {
            provider_routes: vec![by_kind, route(MethodKind::Card, Some(euro), "of euros")],
            ..connected()
        };
        assert_eq!(settings.provider_for(MethodKind::Card, Some(euro)), "of euros");
        assert_eq!(settings.provider_for(MethodKind::Card, Currency::parse("USD")), "of the kind");
        assert_eq!(settings.provider_for(MethodKind::Card, None), "of the kind");
        assert_eq!(settings.provider_for(MethodKind::BankDebit, Some(euro)), "simulator");
    }
}
