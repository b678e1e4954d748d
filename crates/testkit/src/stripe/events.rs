//! Notifications: events that it signs and sends.

use super::{StripeServer, WEBHOOK_SECRET, state::State};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::net::SocketAddr;

/// The header with the signature of a body that was sent at this second.
#[must_use]
pub fn signature(secret: &str, second: i64, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .expect("any key")
        .chain_update(format!("{second}.{body}"));
    format!("t={second},v1={}", hex::encode(mac.finalize().into_bytes()))
}

impl StripeServer {
    /// The body of an event.
    #[must_use]
    pub fn event(kind: &str, object: &Value) -> String {
        json!({ "id": "evt_1", "object": "event", "type": kind, "livemode": false, "data": { "object": object } }).to_string()
    }

    /// Sends a body with a signature of some seconds ago, and answers the status; 0 where the
    /// gateway dies meanwhile.
    pub async fn post(
        gateway: SocketAddr,
        tenant: &str,
        body: String,
        secret: &str,
        age: i64,
    ) -> u16 {
        let signed = signature(secret, State::now() - age, &body);
        let request =
            reqwest::Client::new().post(format!("http://{gateway}/notifications/stripe/{tenant}"));
        let answer = request.header("Stripe-Signature", signed).body(body).send().await;
        answer.map_or(0, |answer| answer.status().as_u16())
    }

    /// Notifies of an object, as the account's endpoint is told, and answers the status.
    pub async fn notify(gateway: SocketAddr, tenant: &str, kind: &str, object: &Value) -> u16 {
        Self::post(gateway, tenant, Self::event(kind, object), WEBHOOK_SECRET, 0).await
    }
}
