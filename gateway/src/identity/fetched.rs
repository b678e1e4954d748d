//! Keys at an issuer's address, fetched in the background: at intervals, sooner where a token names
//! a key that is not among them, and with growing pauses while the address does not answer. No call
//! waits for the address but those of such a token, and of these few.

use super::key_set::{Keys, parse};
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use payterms_chassis::net::tls;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use serde_json::Value;
use std::{error::Error, net::IpAddr, path::Path, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

/// How long one reading of the address may take.
const BUDGET: Duration = Duration::from_secs(5);
/// Bytes of the largest answer.
const LARGEST: usize = 256 * 1_024;
/// The pause after the first failure. It doubles with each, up to the usual interval.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The least time between two readings, whatever keys tokens name: anybody can name one that does
/// not exist.
const ASKED_EVERY: Duration = Duration::from_secs(5);
/// How long a call with a token of an unknown key waits for newer keys.
const PATIENCE: Duration = Duration::from_secs(6);
/// How many such calls wait at once. The others are refused at once.
const WAITING: usize = 64;

/// The keys at an address.
#[derive(Debug)]
pub(super) struct KeysAtUrl {
    state: watch::Receiver<State>,
    asked: Arc<Notify>,
    waiting: Semaphore,
    holds: Duration,
}

/// What the readings have brought.
#[derive(Default)]
struct State {
    /// What the keys are compared by; none before there were any.
    compared: Option<String>,
    keys: Option<Arc<Keys>>,
    /// When the last reading that brought keys began.
    good_at: Option<Instant>,
    /// When the last reading that has ended began.
    read_at: Option<Instant>,
    /// Why the last reading brought none.
    fault: Option<String>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("fault", &self.fault).finish_non_exhaustive()
    }
}

impl KeysAtUrl {
    /// Checks an address and the file of its authorities. Says whether the keys are safe on their
    /// way.
    ///
    /// # Errors
    /// A sentence that names what is wrong.
    pub(super) fn check(url: &str, authorities: Option<&Path>) -> Result<bool, String> {
        Issuer::new(url, authorities).map(|issuer| is_safe(&issuer.address))
    }

    /// Begins to read an address, until `stop` is cancelled: how often, and for how long the last
    /// keys count when it fails.
    ///
    /// # Errors
    /// A sentence that names what is wrong with the address or the file of authorities.
    pub(super) fn follow(
        url: &str,
        authorities: Option<&Path>,
        every: Duration,
        holds: Duration,
        stop: CancellationToken,
    ) -> Result<Self, String> {
        let issuer = Arc::new(Issuer::new(url, authorities)?);
        let (sender, state) = watch::channel(State::default());
        let (sender, asked) = (Arc::new(sender), Arc::new(Notify::new()));
        let wakes = asked.clone();
        tokio::spawn(async move {
            while !stop.is_cancelled() {
                let reading = read_forever(
                    issuer.clone(),
                    sender.clone(),
                    wakes.clone(),
                    every,
                    stop.clone(),
                );
                if tokio::spawn(reading).await.is_err() {
                    tracing::error!("the reading of callers' keys is started again");
                    tokio::time::sleep(FIRST_PAUSE).await;
                }
            }
        });
        Ok(Self { state, asked, waiting: Semaphore::new(WAITING), holds })
    }

    /// The keys that count now; none before the first reading, and once the address has failed for
    /// too long.
    pub(super) fn keys(&self) -> Option<Arc<Keys>> {
        let state = self.state.borrow();
        state.good_at.filter(|at| at.elapsed() < self.holds).and_then(|_| state.keys.clone())
    }

    /// Whether there are keys, or were once.
    pub(super) fn had_keys(&self) -> bool {
        self.state.borrow().keys.is_some()
    }

    /// Waits for a reading that begins now or later, and returns its keys if they are others.
    pub(super) async fn newer_than(&self, keys: &Arc<Keys>) -> Option<Arc<Keys>> {
        let _place = self.waiting.try_acquire().ok()?;
        let (mut state, now) = (self.state.clone(), Instant::now());
        self.asked.notify_one();
        timeout(PATIENCE, state.wait_for(|state| state.read_at.is_some_and(|at| at >= now)))
            .await
            .ok()?
            .ok()?;
        self.keys().filter(|newer| !Arc::ptr_eq(newer, keys))
    }

    /// Waits until there were keys once.
    pub(super) async fn first_keys(&self) {
        if self.state.clone().wait_for(|state| state.keys.is_some()).await.is_err() {
            // The process ends.
            std::future::pending::<()>().await;
        }
    }

    /// Why the last reading brought no keys.
    pub(super) fn fault(&self) -> Option<String> {
        let state = self.state.borrow();
        state.fault.clone().or_else(|| state.keys.is_none().then(|| "not read yet".to_owned()))
    }
}

async fn read_forever(
    issuer: Arc<Issuer>,
    state: Arc<watch::Sender<State>>,
    asked: Arc<Notify>,
    every: Duration,
    stop: CancellationToken,
) {
    let mut failures = 0_u32;
    loop {
        let began = Instant::now();
        let read = tokio::select! {
            () = stop.cancelled() => return,
            read = issuer.read() => read,
        };
        let pause = match read.and_then(|text| changed(state.borrow().compared.as_deref(), &text)) {
            Ok(newer) => {
                if failures > 0 {
                    tracing::info!(failures, "callers' keys are read again");
                }
                failures = 0;
                state.send_modify(|state| state.succeed(began, newer));
                every
            }
            Err(fault) => {
                // Each failure of a long outage would fill the log.
                if failures == 0 || failures.is_power_of_two() {
                    tracing::warn!(
                        fault,
                        failures,
                        "callers' keys cannot be read; the last ones count for a while"
                    );
                }
                let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(5)).min(every);
                failures = failures.saturating_add(1);
                state
                    .send_modify(|state| (state.fault, state.read_at) = (Some(fault), Some(began)));
                pause
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep_until(began + pause) => {}
            () = async { asked.notified().await; sleep_until(began + ASKED_EVERY).await } => {}
        }
    }
}

/// The keys of a text, and what they are compared by, if they are others than before.
fn changed(before: Option<&str>, text: &str) -> Result<Option<(String, Keys)>, String> {
    let compared = compared(text);
    if before == Some(compared.as_str()) {
        Ok(None)
    } else {
        parse(text).map(|keys| Some((compared, keys)))
    }
}

/// The keys of a set in an order that is always the same. Some issuers answer in another order each
/// time; if that were a change, all tokens would be checked again.
fn compared(text: &str) -> String {
    let set = serde_json::from_str::<Value>(text).unwrap_or_default();
    let keys = set.get("keys").and_then(Value::as_array);
    let mut keys: Vec<_> = keys.into_iter().flatten().map(Value::to_string).collect();
    keys.sort();
    keys.join("\n")
}

impl State {
    fn succeed(&mut self, began: Instant, newer: Option<(String, Keys)>) {
        if let Some((compared, keys)) = newer {
            tracing::info!(keys = keys.len(), "callers' keys have changed");
            (self.compared, self.keys) = (Some(compared), Some(Arc::new(keys)));
        }
        (self.good_at, self.read_at, self.fault) = (Some(began), Some(began), None);
    }
}

/// An issuer's address.
struct Issuer {
    address: Uri,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

impl Issuer {
    fn new(url: &str, authorities: Option<&Path>) -> Result<Self, String> {
        // An address with a password is not repeated.
        let address: Uri = url.parse().map_err(|_| "--jwks-url: it is no address".to_owned())?;
        let is_web = matches!(address.scheme_str(), Some("https" | "http"));
        if !is_web || address.authority().is_none_or(|authority| authority.as_str().contains('@')) {
            return Err("--jwks-url: an address begins with https:// and has no user".to_owned());
        }
        let roots = authorities.map(tls::authorities).transpose()?;
        let connector = HttpsConnectorBuilder::new();
        let connector = match roots {
            None => connector.with_webpki_roots(),
            Some(roots) => connector.with_tls_config(tls_of(roots)?),
        };
        let connector = connector.https_or_http().enable_http1().build();
        Ok(Self { address, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    async fn read(&self) -> Result<String, String> {
        timeout(BUDGET, self.get())
            .await
            .unwrap_or_else(|_| Err(format!("no whole answer within {} s", BUDGET.as_secs())))
    }

    async fn get(&self) -> Result<String, String> {
        let request = Request::get(self.address.clone())
            .header(header::ACCEPT, "application/json")
            .body(Empty::new());
        let request = request.map_err(|error| error.to_string())?;
        let answer = self.client.request(request).await.map_err(|error| causes(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(format!("the address answers with status {}", answer.status().as_u16()));
        }
        let body = Limited::new(answer.into_body(), LARGEST)
            .collect()
            .await
            .map_err(|error| causes(error.as_ref()))?;
        String::from_utf8(body.to_bytes().into()).map_err(|_| "the answer is no text".to_owned())
    }
}

/// Whether what is read there comes from there: nobody in between can change it.
fn is_safe(address: &Uri) -> bool {
    let host = address.host().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.scheme_str() == Some("https")
        || host == "localhost"
        || ip.is_ok_and(|ip| ip.is_loopback())
}

fn tls_of(roots: RootCertStore) -> Result<ClientConfig, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions();
    Ok(config
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// An error with its causes: alone it only says that a connection failed.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{KeysAtUrl, changed, compared};

    #[test]
    fn another_order_is_no_change() {
        let set = |keys: &str| compared(&format!("{{\"keys\":[{keys}]}}"));
        assert_eq!(
            set("{\"kid\":\"a\",\"x\":\"1\"},{\"kid\":\"b\"}"),
            set("{\"kid\":\"b\"},{\"x\":\"1\",\"kid\":\"a\"}")
        );
        assert_ne!(set("{\"kid\":\"a\"}"), set("{\"kid\":\"a\",\"x\":\"1\"}"));
    }

    #[test]
    fn a_first_answer_without_keys_is_a_fault() {
        for empty in [r#"{"keys":[]}"#, "{}", ""] {
            assert!(changed(None, empty).is_err(), "{empty}");
        }
    }

    #[test]
    fn an_address_is_safe_with_https_or_on_this_machine() {
        let is_safe = |url: &str| KeysAtUrl::check(url, None).unwrap();
        for url in [
            "https://idp.example/jwks",
            "http://127.0.0.1:8080/jwks",
            "http://[::1]/jwks",
            "http://localhost:1/jwks",
        ] {
            assert!(is_safe(url), "{url}");
        }
        assert!(!is_safe("http://idp.example/jwks") && !is_safe("http://127.0.0.1.example/jwks"));
        for url in [
            "",
            "jwks.json",
            "/jwks",
            "file:///etc/jwks",
            "ftp://idp.example/jwks",
            "https://ann:canary@idp.example/jwks",
        ] {
            let said = KeysAtUrl::check(url, None).unwrap_err();
            assert!(said.contains("--jwks-url") && !said.contains("canary"), "{url}: {said}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.crt");
        assert!(
            KeysAtUrl::check("https://idp.example", Some(&file)).unwrap_err().contains("ca.crt")
        );
        std::fs::write(&file, "none").unwrap();
        assert!(
            KeysAtUrl::check("https://idp.example", Some(&file))
                .unwrap_err()
                .contains("no certificate")
        );
    }
}
