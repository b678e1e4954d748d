//! One request to Stripe and what its answer is: done, refused for good, or unknown.

use super::{super::Unknown, objects::Failure};
use http::{
    HeaderValue, Method, Request, StatusCode, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderName},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::{Deserialize, de::DeserializeOwned};
use std::{net::IpAddr, time::Duration};
use url::form_urlencoded::Serializer;

/// The version of Stripe's API that this adapter speaks, whatever the account's own is.
pub const VERSION: &str = "2025-03-31.basil";
/// How long one request may take until its answer is whole. Issuers take seconds; what takes longer
/// is asked for by id.
const BUDGET: Duration = Duration::from_secs(30);
/// How long a connect may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);
/// Bytes of one answer.
const LARGEST: usize = 4 * 1_024 * 1_024;
const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");

/// How an account is reached.
#[derive(Clone)]
pub struct Access {
    /// The secret key.
    pub key: String,
    /// The account in whose name a platform's key asks.
    pub on_behalf_of: Option<String>,
}

/// An answer that says what happened.
#[derive(Debug)]
pub enum Reply<T> {
    /// It is done.
    Done(T),
    /// It is not done, and would not be if it were asked again.
    Refused(Failure),
    /// The key opens nothing. Another key may, so that nothing is known of what was asked for.
    Denied,
}

impl<T> Reply<T> {
    /// The answer, where the key is good.
    ///
    /// # Errors
    /// `Unknown` where it is not.
    pub fn answered(self) -> Result<Result<T, Failure>, Unknown> {
        match self {
            Self::Done(done) => Ok(Ok(done)),
            Self::Refused(failure) => Ok(Err(failure)),
            Self::Denied => Err(Unknown("Stripe does not accept the tenant's key".to_owned())),
        }
    }

    /// What was asked for, which Stripe has no reason to refuse.
    ///
    /// # Errors
    /// `Unknown` where it does.
    pub fn must(self) -> Result<T, Unknown> {
        self.answered()?.map_err(|failure| Unknown(failure.codes()))
    }
}

#[derive(Debug, Deserialize)]
struct ErrorBody {
    error: Failure,
}

/// Sends requests to Stripe.
#[derive(Clone)]
pub struct Client {
    base: String,
    http: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Whether a host is this machine.
fn is_loopback(host: &str) -> bool {
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    literal.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Client {
    /// A client of the API at `base`: by https, or on this machine by http.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn new(base: &str) -> Result<Self, String> {
        let wrong = || format!("{base:?} is no address of Stripe: write https://api.stripe.com");
        let uri: Uri = base.parse().map_err(|_| wrong())?;
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let is_safe = uri.scheme_str() == Some("https")
            || uri.scheme_str() == Some("http") && is_loopback(uri.host().unwrap_or_default());
        if !is_safe || authority.is_empty() || authority.contains('@') || uri.query().is_some() {
            return Err(wrong());
        }
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self { base: base.trim_end_matches('/').to_owned(), http })
    }

    /// Reads.
    ///
    /// # Errors
    /// `Unknown` where the answer does not say what is.
    pub async fn get<T: DeserializeOwned>(
        &self,
        access: &Access,
        path: &str,
    ) -> Result<Reply<T>, Unknown> {
        let request = self.request(access, Method::GET, path)?.body(Full::default());
        self.send(path, request.map_err(|error| Unknown(error.to_string()))?).await
    }

    /// Asks for something once per key.
    ///
    /// # Errors
    /// `Unknown` where the answer does not say what has happened.
    pub async fn post<T: DeserializeOwned>(
        &self,
        access: &Access,
        path: &str,
        key: &str,
        form: &[(&str, &str)],
    ) -> Result<Reply<T>, Unknown> {
        let body = Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self
            .request(access, Method::POST, path)?
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("idempotency-key", key)
            .body(Full::new(Bytes::from(body)));
        self.send(path, request.map_err(|error| Unknown(error.to_string()))?).await
    }

    fn request(
        &self,
        access: &Access,
        method: Method,
        path: &str,
    ) -> Result<http::request::Builder, Unknown> {
        let mut key = HeaderValue::try_from(format!("Bearer {}", access.key))
            .map_err(|_| Unknown("the key is no header".to_owned()))?;
        key.set_sensitive(true);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(AUTHORIZATION, key)
            .header(STRIPE_VERSION, VERSION);
        if let Some(account) = &access.on_behalf_of {
            request = request.header("stripe-account", account);
        }
        Ok(request)
    }

    async fn send<T: DeserializeOwned>(
        &self,
        path: &str,
        request: Request<Full<Bytes>>,
    ) -> Result<Reply<T>, Unknown> {
        // Ids and cursors stay out of logs.
        let what = path.split('?').next().unwrap_or_default();
        let lost = |error: &dyn std::fmt::Display| Unknown(format!("{what}: {error}"));
        let answer = async {
            let response = self.http.request(request).await.map_err(|error| lost(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LARGEST).collect().await.map_err(|error| lost(&error))?;
            Ok::<_, Unknown>((head, body.to_bytes()))
        };
        let (head, body) = tokio::time::timeout(BUDGET, answer)
            .await
            .map_err(|_| lost(&"it takes too long"))??;
        let version = head.headers.get(STRIPE_VERSION);
        if let Some(other) = version.filter(|version| **version != VERSION) {
            return Err(lost(&format!("the answer is of version {other:?}")));
        }
        read(head.status, &body).map_err(|why| lost(&why))
    }
}

/// What an answer says. Only what is whole and of a known kind does: a limit, a conflict of keys, a
/// fault of Stripe and a proxy's page leave open what has happened.
fn read<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<Reply<T>, String> {
    if status.is_success() {
        return serde_json::from_slice(body)
            .map(Reply::Done)
            .map_err(|error| format!("{status}: {error}"));
    }
    let failure = serde_json::from_slice::<ErrorBody>(body)
        .map_err(|_| format!("{status} without a reason"))?
        .error;
    let is_refusal = matches!(failure.kind.as_str(), "card_error" | "invalid_request_error");
    match status {
        StatusCode::BAD_REQUEST | StatusCode::PAYMENT_REQUIRED | StatusCode::NOT_FOUND
            if is_refusal =>
        {
            Ok(Reply::Refused(failure))
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(Reply::Denied),
        _ => Err(format!("{status} {}", failure.codes())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Client, Reply, read};
    use http::StatusCode;
    use serde_json::Value;

    #[test]
    fn only_whole_answers_of_a_known_kind_are_refusals() {
        let told = |status: u16, body: &str| match read::<Value>(
            StatusCode::from_u16(status).unwrap(),
            body.as_bytes(),
        ) {
            Ok(Reply::Done(_)) => "done",
            Ok(Reply::Refused(_)) => "refused",
            Ok(Reply::Denied) => "denied",
            Err(_) => "unknown",
        };
        let error = |kind: &str| format!(r#"{{"error":{{"type":"{kind}","code":"x"}}}}"#);
        assert_eq!(told(200, "{}"), "done");
        assert_eq!(told(402, &error("card_error")), "refused");
        for status in [400, 404] {
            assert_eq!(told(status, &error("invalid_request_error")), "refused");
        }
        for status in [401, 403] {
            assert_eq!(told(status, &error("invalid_request_error")), "denied");
        }
        assert_eq!(
            told(400, &error("idempotency_error")),
            "unknown",
            "the key is used for something else, which may be done"
        );
        assert_eq!(
            told(409, &error("idempotency_error")),
            "unknown",
            "the first request with the key is under way"
        );
        for status in [300, 409, 424, 429, 500, 503] {
            assert_eq!(told(status, &error("invalid_request_error")), "unknown", "{status}");
        }
        for body in ["", "{", "<html>", "{}", "null", r#"{"error":"denied"}"#] {
            assert_eq!(told(402, body), "unknown", "{body}");
        }
        for body in ["", "{\"id\":", "<html>"] {
            assert_eq!(told(200, body), "unknown", "{body}");
        }
    }

    #[test]
    fn secrets_go_by_https_alone_or_stay_on_this_machine() {
        for good in [
            "https://api.stripe.com",
            "https://stripe.example:8443/",
            "http://127.0.0.1:9",
            "http://[::1]:9",
        ] {
            assert!(Client::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "api.stripe.com",
            "http://api.stripe.com",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "https://a:b@stripe.example",
            "https://x/?y",
        ] {
            assert!(Client::new(bad).is_err(), "{bad}");
        }
    }
}
