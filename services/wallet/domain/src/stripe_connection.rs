//! A tenant's account at Stripe (docs/domain/wallet.md#stripe-connection).

use chrono::{DateTime, Utc};
use payterms_kernel::{Reason, Refusal};

/// An account at Stripe, in one of its modes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeAccount {
    /// Stripe's id of it.
    pub account: String,
    /// Whether money moves; false for Stripe's test mode.
    pub live: bool,
}

/// A tenant's account at Stripe. It holds no secret that could be read without the suite's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeConnection {
    /// Stripe's id of the account that takes the money.
    pub account: String,
    /// Whether the key is a platform's, which names the account in each request.
    pub on_behalf: bool,
    /// Whether money moves; false for Stripe's test mode.
    pub live: bool,
    /// The last characters of the secret key, by which a person knows it.
    pub key_ending: String,
    /// Where a person comes back to from the hosted page.
    pub return_url: String,
    /// The secret key, sealed.
    pub sealed_key: Vec<u8>,
    /// The secret that Stripe signs notifications with, sealed.
    pub sealed_webhook_secret: Vec<u8>,
    /// When it was last connected.
    pub connected_at: DateTime<Utc>,
}

/// How many of a key's last characters are kept in the open.
const ENDING: usize = 4;

/// What a secret key says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyKind {
    /// Whether money moves.
    pub live: bool,
    /// Its last characters.
    pub ending: String,
}

/// What a secret or restricted key says of itself; `None` where it is neither. A publishable key
/// cannot charge.
#[must_use]
pub fn key_kind(key: &str) -> Option<KeyKind> {
    let rest = key.strip_prefix("sk_").or_else(|| key.strip_prefix("rk_"))?;
    let (live, secret) = match (rest.strip_prefix("live_"), rest.strip_prefix("test_")) {
        (Some(secret), _) => (true, secret),
        (None, Some(secret)) => (false, secret),
        (None, None) => return None,
    };
    let is_whole = secret.len() >= 10
        && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let ending = secret.get(secret.len().saturating_sub(ENDING)..).unwrap_or_default().to_owned();
    is_whole.then_some(KeyKind { live, ending })
}

/// Whether a text is a secret that Stripe signs notifications with.
#[must_use]
pub fn is_webhook_secret(text: &str) -> bool {
    let secret = text.strip_prefix("whsec_").unwrap_or_default();
    secret.len() >= 10
        && secret.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-')
        })
}

/// Whether a text is Stripe's id of an account.
#[must_use]
pub fn is_account(text: &str) -> bool {
    text.strip_prefix("acct_")
        .is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

impl StripeConnection {
    /// The account.
    #[must_use]
    pub fn at(&self) -> StripeAccount {
        StripeAccount { account: self.account.clone(), live: self.live }
    }
}

impl StripeAccount {
    /// Refuses another account, or the other mode, where methods are saved or being saved at the
    /// present one: they, and the charges made by them, would be lost.
    ///
    /// # Errors
    /// `STRIPE_ACCOUNT_DIFFERS`.
    pub fn may_become(&self, other: &Self, is_used: bool) -> Result<(), Refusal> {
        if !is_used || self == other {
            return Ok(());
        }
        let message = "Payment methods are saved at another account or in the other mode of Stripe. Use a key of that account and mode.";
        Err(Refusal::precondition(Reason::STRIPE_ACCOUNT_DIFFERS, message)
            .with("account", &self.account)
            .with("live", self.live))
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyKind, StripeAccount, is_account, is_webhook_secret, key_kind};
    use payterms_kernel::Reason;

    #[test]
    fn a_key_says_whether_money_moves() {
        let kind = |live, ending: &str| Some(KeyKind { live, ending: ending.to_owned() });
        assert_eq!(key_kind("sk_test_0123456789abCD"), kind(false, "abCD"));
        assert_eq!(key_kind("rk_live_0123456789abCD"), kind(true, "abCD"));
        for none in [
            "",
            "pk_test_0123456789abCD",
            "sk_0123456789abCD",
            "sk_test_",
            "sk_test_0123456789ab\n",
            "sk_live_0123456789 b",
            "sk_test_ééééééééé",
        ] {
            assert_eq!(key_kind(none), None, "{none}");
        }
        assert!(
            is_webhook_secret("whsec_0123456789ab")
                && !is_webhook_secret("whsec_")
                && !is_webhook_secret("0123456789ab")
        );
        assert!(
            is_account("acct_1A2b")
                && !is_account("acct_")
                && !is_account("acct_1\r\nx: y")
                && !is_account("1A2b")
        );
    }

    #[test]
    fn an_account_in_use_is_not_changed() {
        let one = StripeAccount { account: "acct_1".to_owned(), live: false };
        let (other, live) = (
            StripeAccount { account: "acct_2".to_owned(), ..one.clone() },
            StripeAccount { live: true, ..one.clone() },
        );
        assert_eq!(one.may_become(&one, true), Ok(()));
        assert_eq!(one.may_become(&other, false), Ok(()));
        assert_eq!(
            one.may_become(&other, true).unwrap_err().reason,
            Reason::STRIPE_ACCOUNT_DIFFERS
        );
        assert_eq!(one.may_become(&live, true).unwrap_err().reason, Reason::STRIPE_ACCOUNT_DIFFERS);
    }
}
