//! Which pages of other origins may call the gateway from a browser.

use axum::Router;
use clap::Args;
use http::{HeaderName, HeaderValue, Method, header};
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser may believe an answer about origins.
const BELIEVED_FOR: Duration = Duration::from_hours(2);

/// Headers that callers send.
const SENT: [HeaderName; 11] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    HeaderName::from_static("connect-protocol-version"),
    HeaderName::from_static("connect-timeout-ms"),
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("payterms-service"),
    HeaderName::from_static("payterms-version"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("x-grpc-web"),
    HeaderName::from_static("x-user-agent"),
];
/// Headers of answers that a page may read.
const READ: [HeaderName; 8] = [
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-status-details-bin"),
    HeaderName::from_static("idempotent-replayed"),
    HeaderName::from_static("payterms-version"),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    header::RETRY_AFTER,
];

/// Options for browsers.
#[derive(Debug, Clone, Default, Args)]
pub struct CorsOptions {
    /// Origins (`https://shop.example`) whose pages may call the gateway from a browser, separated by commas; `*` is any.
    #[arg(long = "cors-origins", env = "PAYTERMS_CORS_ORIGINS", value_delimiter = ',')]
    pub origins: Vec<String>,
}

impl CorsOptions {
    /// Adds the answers to browsers' questions, where origins are given.
    ///
    /// # Errors
    /// A sentence that names what is no origin.
    pub(crate) fn wrap(&self, routes: Router) -> Result<Router, String> {
        if self.origins.is_empty() {
            return Ok(routes);
        }
        let origins = self.origins.iter().map(|origin| parsed(origin)).collect::<Result<Vec<_>, _>>()?;
        let origin = if self.origins.iter().any(|origin| origin == "*") { AllowOrigin::any() } else { AllowOrigin::list(origins) };
        let layer = CorsLayer::new().allow_origin(origin).allow_methods([Method::POST]).allow_headers(SENT);
        Ok(routes.layer(layer.expose_headers(READ).max_age(BELIEVED_FOR)))
    }
}

fn parsed(origin: &str) -> Result<HeaderValue, String> {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let is_origin = origin == "*" || host.is_some_and(|host| !host.is_empty() && !host.contains('/'));
    let value = HeaderValue::from_str(origin).ok().filter(|_| is_origin);
    value.ok_or_else(|| format!("--cors-origins: {origin} is no origin; write it as https://shop.example, without a path"))
}
