//! Ends an API key.

use super::save::publish_api_key;
use crate::{app::App, store::api_keys};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::ApiKey;
use payterms_kernel::{Id, Refusal};
use payterms_proto::invoicing::v1::RevokeApiKeyResponse;

/// Ends a key with all its secrets, in any state of the tenant: a key that leaked does not wait.
///
/// # Errors
/// `API_KEY_STATE`, `RESOURCE_NOT_FOUND`.
pub async fn revoke_api_key(
    app: &App,
    call: &Call,
    key: Id<ApiKey>,
) -> Result<Answer<RevokeApiKeyResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut api_key =
        api_keys::lock(tx.conn(), &call.tenant, key).await?.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    api_key.revoke(tx.time().real)?;
    let rendered = publish_api_key(&mut tx, &api_key).await?;
    tx.commit(RevokeApiKeyResponse { api_key: Some(rendered) }).await
}
