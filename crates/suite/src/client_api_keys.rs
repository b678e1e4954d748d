//! The client of API keys.

use crate::client::{Caller, Session};
use payterms_proto::invoicing::v1::api_key_service_client::ApiKeyServiceClient;

impl Session {
    /// `ApiKeyService`.
    #[must_use]
    pub fn api_keys(&self) -> ApiKeyServiceClient<Caller> {
        ApiKeyServiceClient::new(self.caller())
    }
}
