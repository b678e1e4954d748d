//! Creates an API key.

use super::save::{new_secret, publish_api_key};
use crate::{
    app::App,
    commands::api_keys::CreateApiKey,
    store::{api_keys, customers, tenants},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::{
    ApiKey,
    api_key::{MOST_KEYS, check_end},
};
use payterms_kernel::{Reason, Refusal};
use payterms_proto::invoicing::v1::CreateApiKeyResponse;

/// Creates a key. The stored answer has no secret, so that nobody reads it from there: the first
/// answer alone holds it.
///
/// # Errors
/// `ROLE_NOT_GRANTED`, `TIME_IN_PAST`, `API_KEY_LIMIT`, `RESOURCE_NOT_FOUND` for the customer.
pub async fn create_api_key(
    app: &App,
    call: &Call,
    new: &CreateApiKey,
) -> Result<Answer<CreateApiKeyResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    // Keys are counted: two that are created at once wait for each other.
    let tenant = tenants::lock(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    new.permission.must_be_given(&call.caller.roles)?;
    if let Some(customer) = new.permission.customer {
        customers::find(tx.conn(), &call.tenant, customer).await?.ok_or_else(Refusal::not_found)?;
    }
    let now = tx.time().real;
    check_end("expire_time", new.expires_at, None, now)?;
    if usize::try_from(api_keys::count_active(tx.conn(), &call.tenant, now).await?)
        .is_ok_and(|active| active >= MOST_KEYS)
    {
        let message = format!(
            "The tenant has {MOST_KEYS} active keys. Revoke some that are not used any more."
        );
        return Err(Refusal::precondition(Reason::API_KEY_LIMIT, message)
            .with("limit", MOST_KEYS)
            .into());
    }
    let (secret, text) = new_secret(tenant.sandbox, now);
    let key = ApiKey {
        id: tx.id(),
        display_name: new.display_name.clone(),
        permission: new.permission.clone(),
        expires_at: new.expires_at,
        secrets: vec![secret],
        created_by: call.caller.subject.clone(),
        last_used_at: None,
        revoked_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let rendered = publish_api_key(&mut tx, &key).await?;
    let mut answer =
        tx.commit(CreateApiKeyResponse { api_key: Some(rendered), secret: String::new() }).await?;
    answer.message.secret = text;
    Ok(answer)
}
