//! Sends one request. The address is checked at the connect: names are resolved here, and only
//! admitted addresses are handed to the connector, which connects to one of those. Redirections are
//! not followed.

use crate::{
    net::outside::AddressRules,
    webhooks::{envelope::CONTENT_TYPE, verdict::Outcome},
};
use http::{
    HeaderValue, Method, Request,
    header::{ACCEPT, CONTENT_TYPE as CONTENT_TYPE_HEADER, USER_AGENT},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::{TokioExecutor, TokioTimer},
};
use std::{
    error::Error,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// How long a request may take until the head of its answer is there.
pub(crate) const BUDGET: Duration = Duration::from_secs(15);
/// How long a connect may take.
const CONNECT: Duration = Duration::from_secs(5);
/// The body of an answer says nothing. This much of it is read for this long, so that the
/// connection can be used again; then it is closed.
const LARGEST: usize = 16 << 10;
const READ_FOR: Duration = Duration::from_secs(1);
/// How long a connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);

/// All addresses of a host were refused.
#[derive(Debug, thiserror::Error)]
#[error("the host leads to where webhooks may not go")]
struct LeadsInside;

/// Resolves names to admitted addresses.
#[derive(Debug, Clone)]
struct Resolver {
    rules: AddressRules,
}

impl tower::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let rules = self.rules.clone();
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(admitted(&rules, found)?.into_iter())
        })
    }
}

/// The admitted ones of the addresses of a host.
fn admitted(
    rules: &AddressRules,
    mut found: Vec<SocketAddr>,
) -> Result<Vec<SocketAddr>, LeadsInside> {
    let is_known = !found.is_empty();
    found.retain(|address| rules.admits(address.ip()));
    if found.is_empty() && is_known { Err(LeadsInside) } else { Ok(found) }
}

/// What is sent.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub url: &'a str,
    pub id: &'a str,
    pub timestamp: i64,
    pub signature: &'a str,
    pub body: Vec<u8>,
}

/// Sends requests over connections that are kept for a while.
#[derive(Clone)]
pub(super) struct Sender {
    rules: AddressRules,
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Sender {
    pub(super) fn new(rules: AddressRules) -> Self {
        let mut connector = HttpConnector::new_with_resolver(Resolver { rules: rules.clone() });
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(4)
            .build(connector);
        Self { rules, client }
    }

    /// Sends a request and says how it ended.
    pub(super) async fn send(&self, message: Message<'_>) -> Outcome {
        // Again, because rules may have changed since the URL was stored, and the connector
        // resolves no literal address.
        let Ok(uri) = self.rules.check(message.url) else { return Outcome::AddressRefused };
        let request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .header(CONTENT_TYPE_HEADER, CONTENT_TYPE)
            .header(ACCEPT, "*/*")
            .header(USER_AGENT, HeaderValue::from_static("payterms-webhooks/1"))
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.timestamp)
            .header("webhook-signature", message.signature)
            .body(Full::new(Bytes::from(message.body)));
        let Ok(request) = request else { return Outcome::AddressRefused };
        match tokio::time::timeout(BUDGET, self.client.request(request)).await {
            Err(_) => Outcome::TimedOut,
            Ok(Err(error)) => outcome_of(&error),
            Ok(Ok(response)) => {
                let outcome = Outcome::of_status(response.status().as_u16());
                let _ = tokio::time::timeout(
                    READ_FOR,
                    Limited::new(response.into_body(), LARGEST).collect(),
                )
                .await;
                outcome
            }
        }
    }
}

fn outcome_of(error: &(dyn Error + 'static)) -> Outcome {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LeadsInside>() {
            return Outcome::AddressRefused;
        }
        if error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
        {
            return Outcome::TimedOut;
        }
        cause = error.source();
    }
    Outcome::Unreachable
}

#[cfg(test)]
mod tests {
    use super::{Message, Sender, admitted};
    use crate::{net::outside::AddressRules, webhooks::verdict::Outcome};

    #[test]
    fn of_several_addresses_only_those_outside_are_connected_to() {
        let rules = AddressRules::default();
        let addresses =
            |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        let mixed = addresses(&["10.0.0.1:0", "1.1.1.1:0", "[::1]:0"]);
        assert_eq!(admitted(&rules, mixed).unwrap(), addresses(&["1.1.1.1:0"]));
        assert!(admitted(&rules, addresses(&["10.0.0.1:0", "[::ffff:127.0.0.1]:0"])).is_err());
        assert!(admitted(&rules, Vec::new()).unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_name_that_resolves_inside_is_not_connected_to() {
        // Something listens there, so a connection would succeed.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // The name passes the first check, since one address inside may be reached, but not the one
        // that it resolves to.
        let sender = Sender::new(AddressRules::with_inside(vec!["127.0.0.9".parse().unwrap()]));
        for url in [
            format!("http://localhost:{port}/"),
            format!("http://127.0.0.1:{port}/"),
            format!("http://[::ffff:127.0.0.1]:{port}/"),
        ] {
            let message =
                Message { url: &url, id: "1", timestamp: 1, signature: "v1,", body: Vec::new() };
            assert_eq!(sender.send(message).await, Outcome::AddressRefused, "{url}");
        }
        assert!(
            futures::FutureExt::now_or_never(listener.accept()).is_none(),
            "nothing has connected"
        );
    }
}
