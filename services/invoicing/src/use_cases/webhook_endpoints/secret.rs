//! Secrets of webhook endpoints. They are stored sealed only, also in answers that are kept for a repeated request: those hold the
//! sealed secret, which is opened when the answer goes out.

use crate::app::App;
use base64::{Engine, engine::general_purpose::STANDARD};
use payterms_chassis::{
    AppError,
    seal::Seal,
    webhooks::{Secret, targets},
};
use payterms_invoicing_domain::WebhookEndpoint;
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;

/// The key that secrets are sealed with.
///
/// # Errors
/// `WEBHOOKS_OFF` where the installation has none.
pub fn key(app: &App) -> Result<&Seal, AppError> {
    let message = "This installation sends no webhooks. Read events with EventService.";
    Ok(app.webhooks.seal.as_ref().ok_or_else(|| Refusal::precondition("WEBHOOKS_OFF", message))?)
}

/// Makes a secret and seals it.
///
/// # Errors
/// `Fault` if it cannot be sealed.
pub fn make(seal: &Seal, endpoint: Id<WebhookEndpoint>) -> Result<Vec<u8>, AppError> {
    seal.seal(endpoint.uuid(), &Secret::make().shown()).map_err(AppError::Fault)
}

/// A sealed secret in an answer that is stored.
#[must_use]
pub fn stored(sealed: &[u8]) -> String {
    STANDARD.encode(sealed)
}

/// The secret of a stored answer.
///
/// # Errors
/// `Fault` if it does not open.
pub fn reveal(app: &App, tenant: &TenantId, of: Option<&pb::WebhookEndpoint>, stored: &str) -> Result<String, AppError> {
    let endpoint = targets::id_of(tenant, of.map(|own| own.name.as_str()).unwrap_or_default())?;
    let sealed = STANDARD.decode(stored).map_err(|_| AppError::Fault("a secret of webhooks is malformed".to_owned()))?;
    key(app)?.open(endpoint, &sealed).map_err(|error| AppError::Fault(format!("a secret of webhooks: {error}")))
}
