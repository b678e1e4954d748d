//! A line to a service that holds back the answers of one method, so that a test decides what
//! happens before the caller reads them.

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{StatusCode, Uri, Version};
use payterms_chassis::{net::tls::Port, serve::serve};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::{Channel, Endpoint};
use tower::ServiceExt;

/// A line in plain text that holds back answers until it is told to release them.
#[derive(Debug, Clone)]
pub struct HeldAnswers {
    /// Where it is entered.
    pub at: SocketAddr,
    shared: Arc<Shared>,
    _stop: Arc<DropGuard>,
}

#[derive(Debug)]
struct Shared {
    method: &'static str,
    callee: Channel,
    /// Closed once answers pass.
    hold: Semaphore,
    /// Calls of the method that the callee has answered.
    answered: watch::Sender<usize>,
}

impl HeldAnswers {
    /// Opens a line to a service, which holds back the answers of the method with this path.
    ///
    /// # Panics
    /// Where there is no port.
    pub async fn open(to: SocketAddr, method: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let callee =
            Endpoint::from_shared(format!("http://{to}")).expect("an address").connect_lazy();
        let shared = Arc::new(Shared {
            method,
            callee,
            hold: Semaphore::new(0),
            answered: watch::Sender::default(),
        });
        let carrying = shared.clone();
        let routes = axum::Router::new().fallback(move |request: Request| {
            let shared = carrying.clone();
            async move { shared.carry(request).await }
        });
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, routes, Port::default(), stop.clone()));
        Self { at, shared, _stop: Arc::new(stop.drop_guard()) }
    }

    /// Waits until the callee has answered a call of the method. Its caller has nothing yet.
    pub async fn holds_one(&self) {
        let _ = self.shared.answered.subscribe().wait_for(|answered| *answered > 0).await;
    }

    /// How many calls of the method the callee has answered.
    #[must_use]
    pub fn answered(&self) -> usize {
        *self.shared.answered.borrow()
    }

    /// Lets the answers pass, from now on all of them.
    pub fn release(&self) {
        self.shared.hold.close();
    }
}

impl Shared {
    async fn carry(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let is_held = head.uri.path() == self.method;
        let mut forwarded = http::Request::new(tonic::body::Body::new(body));
        *forwarded.method_mut() = head.method;
        *forwarded.uri_mut() =
            head.uri.path_and_query().map_or_else(Uri::default, |path| Uri::from(path.clone()));
        *forwarded.version_mut() = Version::HTTP_2;
        *forwarded.headers_mut() = head.headers;
        let Ok(answer) = self.callee.clone().oneshot(forwarded).await else {
            return StatusCode::BAD_GATEWAY.into_response();
        };
        if is_held {
            self.answered.send_modify(|answered| *answered += 1);
            // It gives an error once it is closed, and nothing before.
            let _ = self.hold.acquire().await;
        }
        answer.map(Body::new)
    }
}
