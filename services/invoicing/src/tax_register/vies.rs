//! The adapter of VIES, the register of the European Commission: `POST /rest-api/check-vat-number`,
//! as its public description documents it. A refusal comes with status 200 and `errorWrappers`.

use super::{Answer, TaxRegister};
use http::{Method, Request, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use payterms_invoicing_domain::tax_number_form::Spelled;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// How long one question may take.
const BUDGET: Duration = Duration::from_secs(10);
/// Bytes of one answer.
const LARGEST: usize = 64 * 1_024;
/// Characters that are kept of a code or a consultation number.
const MOST_TEXT: usize = 60;

/// Talks to VIES.
#[derive(Clone)]
pub struct Vies {
    base: String,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl std::fmt::Debug for Vies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vies").field("base", &self.base).finish_non_exhaustive()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    valid: Option<bool>,
    request_identifier: Option<String>,
    #[serde(default)]
    error_wrappers: Vec<Failure>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    error: String,
}

impl Vies {
    /// An adapter to VIES at `base`, such as `https://ec.europa.eu/taxation_customs/vies`.
    #[must_use]
    pub fn new(base: &str) -> Self {
        // A local server speaks plain HTTP; the Commission's address begins with https.
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        Self {
            base: base.trim_end_matches('/').to_owned(),
            client: Client::builder(TokioExecutor::new()).build(connector),
        }
    }

    async fn call(&self, body: String) -> Result<Answered, String> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/rest-api/check-vat-number", self.base))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)));
        let request = request.map_err(|_| "ADDRESS_INVALID".to_owned())?;
        let response = self.client.request(request).await.map_err(|_| "UNREACHABLE".to_owned())?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LARGEST)
            .collect()
            .await
            .map_err(|_| "UNREACHABLE".to_owned())?;
        match serde_json::from_slice::<Answered>(&body.to_bytes()) {
            Ok(answered) if status.is_success() => Ok(answered),
            // With such a status only a failure is the register's own; a verdict may be a gateway's
            // words.
            Ok(answered) if !answered.error_wrappers.is_empty() => {
                Ok(Answered { valid: None, ..answered })
            }
            _ => Err(format!("HTTP_{}", status.as_u16())),
        }
    }
}

/// What others wrote, as far as it is kept.
fn kept(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        .take(MOST_TEXT)
        .collect()
}

#[tonic::async_trait]
impl TaxRegister for Vies {
    async fn ask(&self, number: &Spelled, requester: Option<&Spelled>) -> Answer {
        let mut body = json!({ "countryCode": number.prefix, "vatNumber": number.rest });
        if let (Some(spelled), Some(fields)) = (requester, body.as_object_mut()) {
            fields.insert("requesterMemberStateCode".to_owned(), spelled.prefix.into());
            fields.insert("requesterNumber".to_owned(), spelled.rest.clone().into());
        }
        let answered = tokio::time::timeout(BUDGET, self.call(body.to_string()))
            .await
            .unwrap_or_else(|_| Err("TIMEOUT".to_owned()));
        match answered {
            Ok(Answered { valid: Some(valid), request_identifier, error_wrappers })
                if error_wrappers.is_empty() =>
            {
                Answer::Found { valid, consultation: kept(&request_identifier.unwrap_or_default()) }
            }
            Ok(Answered { error_wrappers, .. }) => Answer::Silent(
                error_wrappers
                    .first()
                    .map_or_else(|| "NO_ANSWER".to_owned(), |failure| kept(&failure.error)),
            ),
            Err(failure) => Answer::Silent(failure),
        }
    }
}

#[cfg(test)]
#[path = "vies_tests.rs"]
mod tests;
