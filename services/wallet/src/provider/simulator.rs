//! The adapter of the payment simulator: HTTP and JSON.

use super::{
    ChargeOrder, HostedPage, News, PaymentProvider, ProviderCharge, ProviderRefund, REJECTED,
    RefundOrder, SetupOrder, Unknown, Unread,
};
use chrono::{DateTime, SecondsFormat, Utc};
use hmac::{Hmac, Mac};
use payterms_kernel::{Currency, Money, TenantId};
use payterms_wallet_domain::{
    MethodKind,
    dispute::{Outcome, ProviderDispute},
    method_setup::SavedCard,
    refund::Refunded,
    top_up::Charged,
};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;
use std::time::Duration;
use uuid::Uuid;

/// The adapter of one simulator.
#[derive(Debug, Clone)]
pub struct Simulator {
    base: String,
    secret: Vec<u8>,
    client: reqwest::Client,
}

#[derive(Debug, Deserialize)]
struct ChargeMessage {
    id: String,
    state: String,
    decline_code: String,
    ready_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
struct RefundMessage {
    id: String,
    state: String,
}

#[derive(Debug, Deserialize)]
struct DisputeMessage {
    #[serde(default)]
    id: String,
    amount: String,
    currency: String,
    reason: String,
    evidence_due: String,
    state: String,
}

#[derive(Debug, Deserialize)]
struct SetupMessage {
    id: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    card: Option<CardMessage>,
}

#[derive(Debug, Deserialize)]
struct CardMessage {
    saved: String,
    brand: String,
    last_four: String,
    expire_month: u32,
    expire_year: i32,
    #[serde(default)]
    mandate: String,
}

#[derive(Debug, Deserialize)]
struct Notification {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

impl Simulator {
    /// An adapter to the simulator at `base`.
    ///
    /// # Errors
    /// A sentence if the client cannot be made.
    pub fn new(base: &str, secret: Vec<u8>) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), secret, client })
    }
}

/// Whether a status is a final refusal: nothing was charged, and a retry would not change that.
fn is_final_refusal(status: StatusCode) -> bool {
    let temporary = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::CONFLICT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    status.is_client_error()
        && !temporary.contains(&status)
        && !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

fn unknown(error: &reqwest::Error) -> Unknown {
    Unknown(error.to_string())
}

fn provider_charge(message: ChargeMessage) -> Result<ProviderCharge, Unknown> {
    let outcome = match (message.state.as_str(), message.ready_at) {
        ("succeeded", _) => Charged::Succeeded,
        ("declined", _) => Charged::Declined(message.decline_code),
        ("requires_action", _) => Charged::RequiresAction,
        ("processing", Some(ready_at)) => Charged::Processing(ready_at),
        (other, _) => return Err(Unknown(format!("a charge that is {other:?}"))),
    };
    Ok(ProviderCharge { id: message.id, outcome })
}

fn told(message: DisputeMessage) -> Result<ProviderDispute, Unknown> {
    let currency = Currency::parse(&message.currency)
        .ok_or_else(|| Unknown(format!("a currency {:?}", message.currency)))?;
    let (outcome, is_final) = match message.state.as_str() {
        "open" => (None, false),
        "won" => (Some(Outcome::Won), false),
        "lost" => (Some(Outcome::Lost), false),
        "final" => (Some(Outcome::Lost), true),
        other => return Err(Unknown(format!("a dispute that is {other:?}"))),
    };
    Ok(ProviderDispute {
        id: message.id,
        amount: Money::parse(currency, &message.amount)
            .map_err(|error| Unknown(error.to_string()))?,
        reason: message.reason,
        evidence_due: message.evidence_due.parse().ok(),
        is_final,
        outcome,
    })
}

#[tonic::async_trait]
impl PaymentProvider for Simulator {
    fn takes(&self, kind: MethodKind, _country: &str) -> bool {
        matches!(kind, MethodKind::Card | MethodKind::BankDebit)
    }

    async fn create_setup(
        &self,
        SetupOrder { tenant, key, kind, .. }: &SetupOrder,
    ) -> Result<HostedPage, Unknown> {
        let kind = if *kind == MethodKind::BankDebit { "bank_debit" } else { "card" };
        let request = self
            .client
            .post(format!("{}/v1/{tenant}/setups", self.base))
            .json(&json!({ "key": key, "kind": kind }));
        let response = request
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(|error| unknown(&error))?;
        let made: SetupMessage = response.json().await.map_err(|error| unknown(&error))?;
        Ok(HostedPage { setup_id: made.id, url: made.url })
    }

    async fn saved_card(
        &self,
        tenant: &TenantId,
        setup_id: &str,
    ) -> Result<Option<SavedCard>, Unknown> {
        let request = self.client.get(format!("{}/v1/{tenant}/setups/{setup_id}", self.base));
        let response = request
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(|error| unknown(&error))?;
        let setup: SetupMessage = response.json().await.map_err(|error| unknown(&error))?;
        Ok(setup.card.map(|card| SavedCard {
            token: card.saved,
            brand: card.brand,
            last_four: card.last_four,
            expire_month: card.expire_month,
            expire_year: card.expire_year,
            mandate: card.mandate,
        }))
    }

    async fn charge(&self, order: &ChargeOrder) -> Result<ProviderCharge, Unknown> {
        let body = json!({
            "key": order.key, "saved": order.token, "amount": order.amount.amount().to_string(),
            "currency": order.amount.currency().code(), "now": order.now,
        });
        let request =
            self.client.post(format!("{}/v1/{}/charges", self.base, order.tenant)).json(&body);
        let response = request.send().await.map_err(|error| unknown(&error))?;
        if is_final_refusal(response.status()) {
            return Ok(ProviderCharge {
                id: String::new(),
                outcome: Charged::Declined(REJECTED.to_owned()),
            });
        }
        let response = response.error_for_status().map_err(|error| unknown(&error))?;
        provider_charge(response.json().await.map_err(|error| unknown(&error))?)
    }

    async fn find_charge(
        &self,
        tenant: &TenantId,
        key: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Option<ProviderCharge>, Unknown> {
        let now = now.to_rfc3339_opts(SecondsFormat::Micros, true);
        let request = self.client.get(format!("{}/v1/{tenant}/charges/{key}?now={now}", self.base));
        let response = request.send().await.map_err(|error| unknown(&error))?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = response.error_for_status().map_err(|error| unknown(&error))?;
        provider_charge(response.json().await.map_err(|error| unknown(&error))?).map(Some)
    }

    async fn refund(&self, order: &RefundOrder) -> Result<ProviderRefund, Unknown> {
        let body = json!({ "key": order.key, "charge": order.charge_id, "amount": order.amount.amount().to_string() });
        let request =
            self.client.post(format!("{}/v1/{}/refunds", self.base, order.tenant)).json(&body);
        let response = request.send().await.map_err(|error| unknown(&error))?;
        if is_final_refusal(response.status()) {
            return Ok(ProviderRefund { id: String::new(), outcome: Refunded::Failed });
        }
        let response = response.error_for_status().map_err(|error| unknown(&error))?;
        let made: RefundMessage = response.json().await.map_err(|error| unknown(&error))?;
        let outcome = match made.state.as_str() {
            "succeeded" => Refunded::Succeeded,
            "failed" => Refunded::Failed,
            other => return Err(Unknown(format!("a refund that is {other:?}"))),
        };
        Ok(ProviderRefund { id: made.id, outcome })
    }

    async fn find_dispute(
        &self,
        tenant: &TenantId,
        charge_id: &str,
    ) -> Result<Option<ProviderDispute>, Unknown> {
        let request = self.client.get(format!("{}/v1/{tenant}/chargebacks/{charge_id}", self.base));
        let response = request.send().await.map_err(|error| unknown(&error))?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = response.error_for_status().map_err(|error| unknown(&error))?;
        told(response.json().await.map_err(|error| unknown(&error))?).map(Some)
    }

    async fn read_notification(
        &self,
        _: &TenantId,
        body: &[u8],
        signature: &str,
    ) -> Result<Option<News>, Unread> {
        let signature_bytes = hex::decode(signature).unwrap_or_default();
        let mac = Hmac::<Sha256>::new_from_slice(&self.secret)
            .map_err(|error| Unread::Forged(error.to_string()))?;
        let forged = |_| Unread::Forged("the signature is not the simulator's".to_owned());
        mac.chain_update(body).verify_slice(&signature_bytes).map_err(forged)?;
        let message = serde_json::from_slice::<Notification>(body).ok();
        Ok(message.and_then(|message| match message.kind.as_str() {
            "setup.completed" => Some(News::Setup(message.id)),
            "charge.returned" | "dispute.closed" => Some(News::Dispute(message.id)),
            _ => None,
        }))
    }
}
