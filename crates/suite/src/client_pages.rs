//! What a caller does beside calling: changing who calls, noting the calls, and filling in the
//! pages that the gateway shows.

use crate::{client::Session, credentials::CallLog};
use tonic::{Status, body::Body, codegen::http};
use tower::ServiceExt;

impl Session {
    /// The same caller, whose calls are noted.
    #[must_use]
    pub fn noted_in(mut self, calls: &CallLog) -> Self {
        self.credentials.calls = Some(calls.clone());
        self
    }

    /// Someone else on the same channel.
    ///
    /// # Errors
    /// A sentence if the token is no header.
    pub fn with_token(&self, token: &str) -> Result<Self, String> {
        Self::on(self.channel.clone(), token)
    }

    /// Sends the form of a page that the gateway shows, as a browser would.
    ///
    /// # Errors
    /// UNAVAILABLE where the page does not answer or does not take it.
    pub async fn submit_form(&self, path: &str, form: &'static str) -> Result<(), Status> {
        let fault = |error: &dyn std::fmt::Display| Status::unavailable(error.to_string());
        let request =
            http::Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        let request = request.body(Body::new(form.to_owned())).map_err(|error| fault(&error))?;
        let answer = self.channel.clone().oneshot(request).await.map_err(|error| fault(&error))?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(fault(&format_args!("the page answers {}", answer.status())))
        }
    }
}
