//! A stand-in for Stripe, which answers as its public documentation says: customers, Checkout
//! Sessions that save a card or a bank account, `PaymentIntents`, refunds, disputes, balance
//! transactions, payouts, events, idempotency keys. Tests act as the person, the issuer and the
//! network.

mod balance;
mod events;
mod faults;
mod intents;
mod money_back;
mod pages;
mod parameters;
mod state;

pub use faults::Fault;
pub use pages::Card;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State as Shared,
    http::{HeaderMap, Method, StatusCode, Uri, header::AUTHORIZATION},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use state::{Answer, Command, State};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The secret key of the account that it knows from the start.
pub const KEY: &str = "sk_test_0123456789acme";
/// That account.
pub const ACCOUNT: &str = "acct_1Acme";
/// The secret that it signs notifications with.
pub const WEBHOOK_SECRET: &str = "whsec_0123456789acme";

/// A running stand-in; it ends with the test's runtime.
#[derive(Debug, Clone)]
pub struct StripeServer {
    /// Where it listens.
    pub at: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl StripeServer {
    /// Starts it.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let stripe = Self { at, state: Arc::new(Mutex::new(State::new(at))) };
        let server = Router::new().fallback(answer).with_state(stripe.clone());
        tokio::spawn(async move { axum::serve(listener, server).await });
        stripe
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the next request whose method and path begin so fail; several in a row fail in their
    /// order.
    pub fn fail(&self, request: &str, fault: Fault) {
        self.state().faults.push((request.to_owned(), fault));
    }

    /// How many faults have not come to pass.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        self.state().faults.len()
    }

    /// Accepts another key, of an account, from now on.
    pub fn add_key(&self, key: &str, account: &str) {
        self.state().keys.insert(key.to_owned(), account.to_owned());
    }

    /// Accepts a key no more.
    pub fn drop_key(&self, key: &str) {
        self.state().keys.remove(key);
    }

    /// Lets the account of [`KEY`] act for another one.
    pub fn connect(&self, account: &str) {
        self.state().connected.push(account.to_owned());
    }

    /// Forgets all idempotency keys, as after a day.
    pub fn forget_keys(&self) {
        self.state().answers.clear();
    }

    /// What was asked, as `METHOD /path`, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    /// All objects of a kind, such as `payment_intent`, oldest first.
    #[must_use]
    pub fn objects(&self, kind: &str) -> Vec<Value> {
        let state = self.state();
        state
            .objects
            .iter()
            .filter(|object| object.value["object"] == kind)
            .map(|object| object.value.clone())
            .collect()
    }

    /// What the account lists, in the words of the simulator: `charges`, `refunds` or
    /// `chargebacks`.
    #[must_use]
    pub fn listed(&self, what: &str) -> Vec<Value> {
        self.state().listed(what)
    }
}

async fn answer(
    Shared(server): Shared<StripeServer>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let key = header(AUTHORIZATION.as_str()).strip_prefix("Bearer ").unwrap_or_default().to_owned();
    let command = Command {
        method: method.to_string(),
        path: uri.path().to_owned(),
        fields: state::fields(uri.query().unwrap_or_default(), &body),
        key: header("idempotency-key"),
    };
    let version = header("stripe-version");
    let (fault, answer) = {
        let mut state = server.state();
        state.requests.push(format!("{} {}", command.method, command.path));
        let fault = state.fault_of(&command);
        let answer = match fault {
            Some(fault) if !fault.has_effect() => state.failed(&command, fault),
            _ if version != parameters::VERSION => Answer::invalid("another version", None, None),
            _ => state.answer(&key, &header("stripe-account"), &command),
        };
        (fault, answer)
    };
    respond(fault, &version, answer)
}

fn respond(fault: Option<Fault>, version: &str, Answer { status, body }: Answer) -> Response {
    let text = body.to_string();
    let half = text.get(..text.len() / 2).unwrap_or_default().to_owned();
    let version = if fault == Some(Fault::OtherVersion) { "2016-07-06" } else { version };
    let body = match fault {
        Some(Fault::CutAfter) => {
            let part =
                futures::stream::iter([Ok(Bytes::from(half)), Err(std::io::Error::other("cut"))]);
            Body::from_stream(part)
        }
        Some(Fault::HalfAfter) => Body::from(half),
        Some(Fault::PageAfter) => Body::from("<html>the proxy is tired</html>"),
        _ => Body::from(text),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (
        status,
        [("stripe-version", version.to_owned()), ("content-type", "application/json".to_owned())],
        body,
    )
        .into_response()
}
