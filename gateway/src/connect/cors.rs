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
    /// Origins (`https://shop.example`) whose pages may call the gateway from a browser, separated
    /// by commas; `*` alone is any.
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
        let origins =
            self.origins.iter().map(|origin| parsed(origin)).collect::<Result<Vec<_>, _>>()?;
        let origin = if self.origins.iter().any(|origin| origin == "*") {
            AllowOrigin::any()
        } else {
            AllowOrigin::list(origins)
        };
        let layer =
            CorsLayer::new().allow_origin(origin).allow_methods([Method::POST]).allow_headers(SENT);
        Ok(routes.layer(layer.expose_headers(READ).max_age(BELIEVED_FOR)))
    }
}

fn parsed(origin: &str) -> Result<HeaderValue, String> {
    // It is compared as it stands with what browsers send, so what they never send would match
    // nothing.
    let is_origin = url::Url::parse(origin).is_ok_and(|url| {
        matches!(url.scheme(), "https" | "http") && url.origin().ascii_serialization() == origin
    });
    let value = HeaderValue::from_str(origin)
        .ok()
        .filter(|_| origin == "*" || is_origin && !origin.contains('*'));
    value.ok_or_else(|| {
        format!(
            "--cors-origins: {origin} is no origin as browsers send it; write each whole as https://shop.example or https://shop.example:8443, in lower \
             case, without a path, the scheme's own port or a * in it; * alone is any origin"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::parsed;

    #[test]
    fn an_origin_is_written_as_browsers_send_it() {
        for origin in [
            "*",
            "https://shop.example",
            "http://localhost:3000",
            "https://xn--bcher-kva.example",
            "http://[::1]:8080",
        ] {
            assert_eq!(parsed(origin).unwrap(), origin);
        }
        for origin in [
            "https://*.example",
            "https://shop.example/",
            "https://shop.example/a",
            "https://shop.example:443",
            "https://Shop.example",
            "https://ann@shop.example",
            "https://shop.example?a",
            "https://bücher.example",
            "ftp://shop.example",
            "shop.example",
            "https://",
            "null",
            "",
        ] {
            let refused = parsed(origin).unwrap_err();
            assert!(
                refused.starts_with(&format!("--cors-origins: {origin} is no origin")),
                "{refused}"
            );
        }
    }
}
