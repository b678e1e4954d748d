//! Stripe's objects, as far as they are read. Fields that are added later change nothing.

use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

/// Why something was refused.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Failure {
    /// The kind of error.
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) decline_code: Option<String>,
    #[serde(default)]
    pub(super) advice_code: Option<String>,
    #[serde(default)]
    pub(super) param: Option<String>,
}

impl Failure {
    /// Its codes; its message may hold what belongs into no log.
    #[must_use]
    pub fn codes(&self) -> String {
        let codes = [
            Some(self.kind.as_str()),
            self.code.as_deref(),
            self.decline_code.as_deref(),
            self.param.as_deref(),
        ];
        codes.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// Whether what is asked for is not there.
    pub(super) fn is_missing(&self) -> bool {
        self.code.as_deref() == Some("resource_missing")
    }

    /// Whether something that the request names is not there.
    pub(super) fn misses(&self, param: &str) -> bool {
        self.is_missing() && self.param.as_deref() == Some(param)
    }
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// What has an id, and nothing else that is read.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
}

/// A `PaymentIntent`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct IntentMessage {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) amount: i64,
    /// What was captured of it; what is left out is the whole amount.
    #[serde(default)]
    pub(super) amount_received: Option<i64>,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) metadata: HashMap<String, String>,
    #[serde(default)]
    pub(super) last_payment_error: Option<Failure>,
    #[serde(default)]
    pub(super) cancellation_reason: Option<String>,
}

impl IntentMessage {
    /// What it took, once it has succeeded.
    pub(super) fn taken(&self) -> i64 {
        self.amount_received.unwrap_or(self.amount)
    }
}

/// A Checkout Session that was just made.
#[derive(Debug, Deserialize)]
pub(super) struct OpenedSession {
    pub(super) id: String,
    pub(super) url: Option<String>,
}

/// A Checkout Session with what was saved on it.
#[derive(Debug, Deserialize)]
pub(super) struct SessionMessage {
    pub(super) status: Option<String>,
    pub(super) setup_intent: Option<SetupIntentMessage>,
}

/// A `SetupIntent` with its payment method and, of a bank account, its mandate.
#[derive(Debug, Deserialize)]
pub(super) struct SetupIntentMessage {
    pub(super) status: String,
    pub(super) payment_method: Option<MethodMessage>,
    #[serde(default)]
    pub(super) mandate: Option<Value>,
}

/// A `PaymentMethod`.
#[derive(Debug, Deserialize)]
pub(super) struct MethodMessage {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) customer: Option<String>,
    #[serde(default)]
    pub(super) card: Option<CardMessage>,
    /// What is shown of an account, under its kind.
    #[serde(flatten)]
    pub(super) details: HashMap<String, Value>,
}

/// What is shown of a card.
#[derive(Debug, Deserialize)]
pub(super) struct CardMessage {
    pub(super) brand: String,
    pub(super) last4: String,
    pub(super) exp_month: u32,
    pub(super) exp_year: i32,
}

/// A balance transaction: something that moved money of the account.
#[derive(Debug, Deserialize)]
pub(super) struct BalanceTransaction {
    pub(super) id: String,
    /// What it is of, whole.
    #[serde(default)]
    pub(super) source: Option<Value>,
    /// Before fees, in the currency of the balance.
    pub(super) amount: i64,
    #[serde(default)]
    pub(super) fee: i64,
    pub(super) currency: String,
    pub(super) created: i64,
    #[serde(default)]
    pub(super) available_on: i64,
    #[serde(default)]
    pub(super) reporting_category: String,
}

/// A Payout.
#[derive(Debug, Deserialize)]
pub(super) struct PayoutMessage {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) automatic: bool,
    pub(super) arrival_date: i64,
    pub(super) created: i64,
    #[serde(default)]
    pub(super) reconciliation_status: Option<String>,
}

/// A Charge: an intent's try that took money.
#[derive(Debug, Deserialize)]
pub(super) struct ChargeMessage {
    pub(super) payment_intent: Option<String>,
    pub(super) status: String,
    pub(super) amount_captured: i64,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) created: i64,
    #[serde(default)]
    pub(super) metadata: HashMap<String, String>,
}

/// A Refund.
#[derive(Debug, Deserialize)]
pub(super) struct RefundMessage {
    pub(super) id: String,
    pub(super) status: Option<String>,
    pub(super) amount: i64,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) payment_intent: Option<String>,
    #[serde(default)]
    pub(super) created: i64,
    #[serde(default)]
    pub(super) metadata: HashMap<String, String>,
}

/// A Dispute.
#[derive(Debug, Deserialize)]
pub(super) struct DisputeMessage {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) reason: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) payment_intent: Option<String>,
    #[serde(default)]
    pub(super) created: i64,
    #[serde(default)]
    pub(super) evidence_details: Option<EvidenceDetails>,
    /// Its charge, whole where it is asked for so.
    #[serde(default)]
    pub(super) charge: Option<Value>,
}

/// Until when evidence is taken.
#[derive(Debug, Deserialize)]
pub(super) struct EvidenceDetails {
    pub(super) due_by: Option<i64>,
}

/// An Event.
#[derive(Debug, Deserialize)]
pub(super) struct EventMessage {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) livemode: bool,
    /// The connected account, where a platform is told.
    #[serde(default)]
    pub(super) account: Option<String>,
    pub(super) data: EventData,
}

/// What an Event is of.
#[derive(Debug, Deserialize)]
pub(super) struct EventData {
    pub(super) object: Value,
}
