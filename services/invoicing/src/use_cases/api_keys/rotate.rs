//! Makes another secret of an API key.

use super::save::{new_secret, publish_api_key};
use crate::{
    app::App,
    commands::api_keys::RotateApiKey,
    store::{api_keys, tenants},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::RotateApiKeyResponse;

/// Makes another secret. The stored answer has none, as with a new key.
///
/// # Errors
/// `API_KEY_STATE`, `ROLE_NOT_GRANTED`, `TIME_IN_PAST`, `TIME_OUT_OF_RANGE`, `RESOURCE_NOT_FOUND`.
pub async fn rotate_api_key(
    app: &App,
    call: &Call,
    rotation: &RotateApiKey,
) -> Result<Answer<RotateApiKeyResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut api_key = api_keys::lock(tx.conn(), &call.tenant, rotation.key)
        .await?
        .ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    // Who gets a secret may do what the key may.
    api_key.permission.must_be_given(&call.caller.roles)?;
    let tenant = tenants::find(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    let now = tx.time().real;
    let (secret, text) = new_secret(tenant.sandbox, now);
    api_key.rotate(secret, rotation.previous_until, now)?;
    let rendered = publish_api_key(&mut tx, &api_key).await?;
    let mut answer =
        tx.commit(RotateApiKeyResponse { api_key: Some(rendered), secret: String::new() }).await?;
    answer.message.secret = text;
    Ok(answer)
}
