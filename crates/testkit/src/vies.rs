//! A stand-in for VIES, which answers as its public description documents. It is down until a test
//! says what it knows.

use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::watch;

/// What it knows, by number with its prefix, and what it was asked.
#[derive(Debug, Default)]
struct Known {
    answers: HashMap<String, Result<bool, String>>,
    asked: Vec<Value>,
}

/// A running stand-in; it ends with the test's runtime.
#[derive(Debug, Clone)]
pub struct Vies {
    /// Where it listens.
    pub at: SocketAddr,
    known: Arc<Mutex<Known>>,
    hangs: Arc<watch::Sender<bool>>,
}

/// What the server and the test share.
type Shared = (Arc<Mutex<Known>>, Arc<watch::Sender<bool>>);

async fn answer(State((known, hangs)): State<Shared>, Json(body): Json<Value>) -> Json<Value> {
    known.lock().unwrap_or_else(PoisonError::into_inner).asked.push(body.clone());
    let _ = hangs.subscribe().wait_for(|hangs| !hangs).await;
    let known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let number = format!("{}{}", text("countryCode"), text("vatNumber"));
    let consultation = if body["requesterNumber"].is_string() {
        format!("WAPIAAAA{}", known.asked.len())
    } else {
        String::new()
    };
    Json(
        match known
            .answers
            .get(&number)
            .cloned()
            .unwrap_or_else(|| Err("MS_UNAVAILABLE".to_owned()))
        {
            Ok(valid) => json!({
                "countryCode": text("countryCode"), "vatNumber": text("vatNumber"), "requestDate": "2026-11-29T10:00:00.000Z",
                "valid": valid, "requestIdentifier": consultation, "name": "---", "address": "---",
            }),
            Err(code) => json!({ "actionSucceed": false, "errorWrappers": [{ "error": code }] }),
        },
    )
}

impl Vies {
    /// Starts it.
    pub async fn start() -> Self {
        let known = Arc::<Mutex<Known>>::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let hangs = Arc::new(watch::Sender::new(false));
        let server = Router::new()
            .route("/rest-api/check-vat-number", post(answer))
            .with_state((known.clone(), hangs.clone()));
        tokio::spawn(async move { axum::serve(listener, server).await });
        Self { at, known, hangs }
    }

    /// Says what it answers about a number, such as `DE136695976`: whether it is valid, or its
    /// code.
    pub fn says(&self, number: &str, answer: Result<bool, &str>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.answers.insert(number.to_owned(), answer.map_err(str::to_owned));
    }

    /// Whether its answers wait until this is called again with false.
    pub fn hang(&self, hangs: bool) {
        self.hangs.send_replace(hangs);
    }

    /// What it was asked.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }
}
