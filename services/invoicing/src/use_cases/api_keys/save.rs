//! Saves API keys, and makes their secrets.

use crate::{messages, store::api_keys};
use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, WriteTx, api_key};
use payterms_invoicing_domain::{ApiKey, api_key::Secret};
use payterms_proto::invoicing::v1::{ApiKey as ApiKeyMessage, ApiKeyChanged};
use sha2::{Digest, Sha256};

/// A new secret as it is kept, and its text, which only its owner gets.
#[must_use]
pub fn new_secret(is_sandbox: bool, now: DateTime<Utc>) -> (Secret, String) {
    let text = api_key::make(is_sandbox);
    let hash = Sha256::digest(text.as_bytes()).into();
    (Secret { hash, last_four: api_key::last_four(&text), created_at: now, ends_at: None }, text)
}

/// Saves a key and emits its event. The event does not say when the key was used: that is no
/// change.
pub async fn publish_api_key(
    tx: &mut WriteTx,
    this_api_key: &ApiKey,
) -> Result<ApiKeyMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    api_keys::save(tx.conn(), &tenant, this_api_key).await?;
    let rendered = messages::api_keys::api_key(&tenant, this_api_key, tx.time().real);
    let api_key = ApiKeyMessage { last_use_time: None, ..rendered.clone() };
    tx.emit("api_key", &this_api_key.id.to_string(), &ApiKeyChanged { api_key: Some(api_key) })
        .await?;
    Ok(rendered)
}
