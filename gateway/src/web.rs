//! The HTTP endpoints that are not gRPC: notifications of payment providers, and the simulator's
//! hosted page.

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use payterms_chassis::{body, call::Caller, peers::Peers};
use payterms_proto::wallet::peers::v1::{
    ReceiveNotificationRequest, notification_service_client::NotificationServiceClient,
};
use std::time::Duration;

/// The largest notification in bytes. Providers' notifications are much smaller.
const LARGEST: usize = 65_536;

/// The subject in whose name a provider's notification is passed on. It is the same for all
/// providers and whatever the path names, since the path is anybody's.
const PROVIDER: &str = "provider";
/// The longest name of a provider.
const LONGEST_PROVIDER: usize = 32;

/// The resources of the handlers.
#[derive(Debug, Clone)]
pub struct Web {
    peers: Peers,
    simulator: Option<String>,
    client: Client<HttpConnector, Body>,
}

impl Web {
    /// Handlers for these services, and for the simulator if there is one.
    #[must_use]
    pub fn new(peers: Peers, simulator: Option<String>) -> Self {
        Self { peers, simulator, client: Client::builder(TokioExecutor::new()).build_http() }
    }
}

/// The routes.
pub fn routes(web: Web) -> Router {
    Router::new()
        .route(
            "/notifications/{provider}/{tenant}",
            post(notification).layer(DefaultBodyLimit::max(LARGEST)),
        )
        .route("/simulator/{*page}", any(simulator).layer(DefaultBodyLimit::max(LARGEST)))
        .with_state(web)
}

/// Passes the raw body and its signature to the wallet, because only the wallet has the key to
/// check it. No token is needed: the signature proves who sends it.
async fn notification(
    State(web): State<Web>,
    Path((provider, tenant)): Path<(String, String)>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let Some(tenant) = tenant.parse().ok().filter(|_| is_provider(&provider)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // The body is read within a limit of size and time, so that a half-sent one does not occupy a
    // task for ever.
    let request = match body::whole(request, LARGEST).await {
        Ok(request) => request,
        Err(status) if status.code() == tonic::Code::ResourceExhausted => {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        }
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let Ok(body) = axum::body::to_bytes(request.into_body(), LARGEST).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let header = headers
        .get(format!("{provider}-signature"))
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let message = ReceiveNotificationRequest {
        tenant: format!("tenants/{tenant}"),
        provider,
        body,
        signature: header.to_owned(),
    };
    let mut caller = Caller::service("gateway", &tenant, None);
    PROVIDER.clone_into(&mut caller.subject);
    let Ok(request) = web.peers.request("wallet", &caller, message, Duration::from_secs(15)) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let Ok(channel) = web.peers.channel("wallet") else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    match NotificationServiceClient::new(channel).receive_notification(request).await {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(status) => match status.code() {
            tonic::Code::PermissionDenied => StatusCode::UNAUTHORIZED.into_response(),
            tonic::Code::InvalidArgument => StatusCode::BAD_REQUEST.into_response(),
            // All other errors may be temporary. Providers send a notification again after a 5xx.
            _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    }
}

/// Whether a text can be the name of a provider: lower-case letters, digits and hyphens, a letter
/// first.
fn is_provider(text: &str) -> bool {
    let starts = text.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
    let is_inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    starts && text.len() <= LONGEST_PROVIDER && text.bytes().all(is_inside)
}

/// Forwards to the simulator's page, so that a browser needs only the gateway's port.
async fn simulator(State(web): State<Web>, request: Request) -> Response {
    let Ok(mut request) = body::whole(request, LARGEST).await else {
        return StatusCode::REQUEST_TIMEOUT.into_response();
    };
    let Some(base) = &web.simulator else { return StatusCode::NOT_FOUND.into_response() };
    let asked = request.uri().path_and_query().map_or("/", |asked| asked.as_str());
    let Ok(uri) = format!("{}{asked}", base.trim_end_matches('/')).parse() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    *request.uri_mut() = uri;
    *request.version_mut() = http::Version::HTTP_11;
    request.headers_mut().remove("host");
    match web.client.request(request).await {
        Ok(answer) => answer.map(Body::new),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
