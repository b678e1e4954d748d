//! Tells the gateway whose a secret is, and notes the use.
//!
//! The gateway believes an answer for 30 seconds, so a key that is in use is resolved at least
//! every 30 seconds. That is what its last use is known by: no call waits for the note, and of each
//! key one is written in a minute.

use crate::{
    app::App,
    messages,
    store::api_keys::{self, Owner},
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_chassis::{AppError, Call};
use payterms_invoicing_domain::{ApiKey, api_key::ApiKeyState};
use payterms_proto::invoicing::peers::v1::ResolveApiKeyResponse;
use subtle::ConstantTimeEq;
use tracing::Instrument;

/// The least time between two notes of a key's use.
const NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);

/// The key of a secret, unless there is none or it was revoked. One that has expired is returned,
/// so that its holder is told so.
///
/// # Errors
/// `Store` if the database fails.
pub async fn resolve_api_key(app: &App, hash: &[u8]) -> Result<ResolveApiKeyResponse, AppError> {
    // No tenant is known yet, and none is needed for the table of hashes.
    let nobodys = app.db.read_all(&[]).await?;
    let owner = api_keys::owner(&nobodys, hash).await?;
    drop(nobodys);
    let Some(owner) = owner else { return Ok(ResolveApiKeyResponse::default()) };
    let conn = app.db.read(&owner.tenant).await?;
    let api_key = api_keys::find(&conn, &owner.tenant, owner.key).await?;
    drop(conn);
    let now = app.db.clock().now();
    let Some(api_key) = api_key.filter(|api_key| api_key.state(now) != ApiKeyState::Revoked) else {
        return Ok(ResolveApiKeyResponse::default());
    };
    // An index compares byte by byte. This comparison takes the same time wherever two hashes
    // differ.
    let secret = api_key.secrets.iter().find(|secret| bool::from(secret.hash.ct_eq(hash)));
    let Some(secret) = secret else { return Ok(ResolveApiKeyResponse::default()) };
    let ends_at = api_key.end_of(secret);
    if ends_at.is_none_or(|end| now < end) {
        note_use(app, &owner, &api_key, now);
    }
    Ok(ResolveApiKeyResponse {
        api_key: Some(messages::api_keys::resolved(&owner.tenant, &api_key, ends_at)),
    })
}

/// Notes a use in a task of its own, if the last note is old enough. Two replicas may both write;
/// the later instant stays.
fn note_use(app: &App, owner: &Owner, api_key: &ApiKey, now: DateTime<Utc>) {
    if api_key.last_used_at.is_some_and(|last| now < last + NOTED_EVERY) {
        return;
    }
    let (app, owner) = (app.clone(), owner.clone());
    let noting = async move {
        if let Err(error) = write_use(&app, &owner, now).await {
            // The next minute brings another one.
            tracing::warn!(%error, "the use of an API key was not noted");
        }
    };
    tokio::spawn(noting.in_current_span());
}

async fn write_use(app: &App, owner: &Owner, now: DateTime<Utc>) -> Result<(), AppError> {
    let call =
        Call::internal("invoicing", &owner.tenant, "note_api_key_use", owner.key.uuid(), None);
    let tx = app.db.begin_apart(&call).await?;
    api_keys::note_use(tx.conn(), &owner.tenant, owner.key, now).await?;
    tx.commit_rows().await
}
