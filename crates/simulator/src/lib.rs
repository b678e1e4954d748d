//! The payment simulator: replaces payment providers and banks, so that the suite runs without real
//! ones.
//!
//! As a real provider it has its own database and its own transactions, and does not depend on the
//! suite. Repeated requests with the same key have one effect. The test card of a charge decides
//! how it behaves: the charge succeeds, is declined, takes hours, loses its answer, or requires
//! authentication. Test banks can be linked and read.

pub mod api;
mod bank_pages;
pub mod banks;
pub mod cards;
pub mod disputes;
pub mod page;
mod setups;
pub mod store;

use axum::{
    Router,
    routing::{get, post},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Header with the signature of a notification: hex of HMAC-SHA-256 over the raw body.
pub const SIGNATURE: &str = "simulator-signature";

/// How often a notification is sent at most. Each pause is twice as long as the one before, up to
/// [`LONGEST_PAUSE`], so that a short outage costs little and a long one does not cause a flood of
/// requests.
const NOTIFICATIONS: u32 = 40;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The options of a simulator.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its database file.
    pub file: PathBuf,
    /// The base URL for notifications: they are sent to `{base}/notifications/simulator/{tenant}`.
    pub notify: String,
    /// The key with which it signs them.
    pub secret: Vec<u8>,
}

/// The resources of the handlers.
#[derive(Debug, Clone)]
pub struct World {
    pub(crate) store: Store,
    options: Arc<Options>,
    client: reqwest::Client,
    /// The number of notifications that are not delivered yet.
    pub(crate) undelivered: Arc<AtomicUsize>,
}

impl World {
    /// Notifies the suite of a change, in a task of its own. As real providers do, it sends the
    /// notification again while the suite does not answer or answers with a 5xx. If all of them are
    /// lost, the suite can still read the state.
    pub(crate) fn notify(&self, tenant: &str, what: &str, id: &str) {
        self.notify_up_to(NOTIFICATIONS, tenant, what, id);
    }

    /// Notifies the suite, and again so many times in all while it does not take the notification.
    pub(crate) fn notify_up_to(&self, times: u32, tenant: &str, what: &str, id: &str) {
        let body = serde_json::json!({ "type": what, "id": id }).to_string();
        let request = self
            .client
            .post(format!("{}/notifications/simulator/{tenant}", self.options.notify))
            .header(SIGNATURE, sign(&self.options.secret, body.as_bytes()))
            .body(body);
        let undelivered = self.undelivered.clone();
        undelivered.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            send(&request, times).await;
            undelivered.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

async fn send(request: &reqwest::RequestBuilder, times: u32) {
    let mut pause = FIRST_PAUSE;
    for _ in 0..times {
        let Some(again) = request.try_clone() else { return };
        match again.send().await {
            Ok(answer) if answer.status().is_success() => return,
            Ok(answer) if !answer.status().is_server_error() => {
                tracing::warn!(status = %answer.status(), "a notification is refused for good");
                return;
            }
            Ok(answer) => {
                tracing::debug!(status = %answer.status(), "a notification is sent again");
            }
            Err(error) => tracing::debug!(%error, "a notification did not arrive"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    tracing::warn!("a notification is given up: nobody took it");
}

/// The signature of a body.
#[must_use]
pub fn sign(secret: &[u8], body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret).map(|mac| mac.chain_update(body));
    mac.map(|mac| hex::encode(mac.finalize().into_bytes())).unwrap_or_default()
}

/// Whether the signature is valid for this body.
#[must_use]
pub fn is_signed(secret: &[u8], body: &[u8], signature: &str) -> bool {
    let expected = hex::decode(signature).unwrap_or_default();
    Hmac::<Sha256>::new_from_slice(secret)
        .is_ok_and(|mac| mac.chain_update(body).verify_slice(&expected).is_ok())
}

/// Serves requests until `stop` is cancelled.
///
/// # Errors
/// A sentence, if its database file cannot be opened or the server fails.
pub async fn serve(
    listener: TcpListener,
    options: Options,
    stop: CancellationToken,
) -> Result<(), String> {
    let store = Store::open(&options.file).await?;
    let world = World {
        store,
        options: Arc::new(options),
        client: reqwest::Client::new(),
        undelivered: Arc::default(),
    };
    let routes = Router::new()
        .route("/v1/{tenant}/charges", post(api::charge).get(api::list_charges))
        .route("/v1/{tenant}/charges/{key}", get(api::get_charge))
        .route("/v1/{tenant}/refunds", post(api::refund).get(api::list_refunds))
        .route("/v1/{tenant}/chargebacks", get(disputes::list_chargebacks))
        .route("/v1/{tenant}/chargebacks/{charge}", get(disputes::get_chargeback))
        .route("/v1/notifications", get(api::count_notifications))
        .route("/simulator/{tenant}/charges/{charge}/chargeback", post(disputes::charge_back))
        .route("/simulator/{tenant}/charges/{charge}/dispute/{outcome}", post(disputes::decide))
        .route("/v1/{tenant}/setups", post(api::create_setup))
        .route("/v1/{tenant}/setups/{id}", get(api::get_setup))
        .route("/simulator/setups/{id}", get(page::show).post(page::save))
        .route("/v1/{tenant}/bank/pages", post(banks::open).get(banks::count))
        .route("/v1/{tenant}/bank/pages/{id}", get(banks::get))
        .route("/v1/{tenant}/bank/accounts", post(banks::read))
        .route("/v1/{tenant}/bank/forget", post(banks::forget))
        .route("/simulator/banks/{id}", get(banks::show).post(banks::choose))
        .with_state(world);
    axum::serve(listener, routes)
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
        .map_err(|error| error.to_string())
}
