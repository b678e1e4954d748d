//! The layer of copies: a call that names versions waits for them, and a refusal that is based on
//! copies names them.

use crate::{
    bus::{
        copies::{COPIES, Copies},
        peer_channel::NAMED,
    },
    edge::body::Small,
    wire::answer::VERSION,
};
use axum::{extract::Request, middleware::Next, response::Response};
use http::HeaderValue;
use payterms_kernel::TenantId;
use tonic::{Code, Status};

/// Handles a call of a tenant as soon as the copies have reached the versions that it names.
pub(crate) async fn with_copies(
    copies: &Copies,
    tenant: &TenantId,
    mut request: Request,
    next: Next,
) -> Response {
    let named = request.headers().get(VERSION).cloned();
    if let Some(named) = named.as_ref().and_then(|named| named.to_str().ok())
        && let Err(error) = copies.wait(tenant, named).await
    {
        return crate::edge::layers::refuse(error.into());
    }
    let message = request.extensions_mut().remove::<Small>();
    let mut response = NAMED.scope(named, next.run(request)).await;
    if let Some(Small(message)) = message
        && let Some(status) =
            Status::from_header_map(response.headers()).filter(|status| status.code() != Code::Ok)
        && let Some(refused_on) = copies.rested_on(tenant, &status, &message)
    {
        // If the refusal came from another service, the header already names the copies of that
        // one.
        let named = response.headers().get(COPIES).and_then(|value| value.to_str().ok());
        let all = named.map_or_else(|| refused_on.clone(), |named| format!("{named},{refused_on}"));
        if let Ok(value) = HeaderValue::from_str(&all) {
            response.headers_mut().insert(COPIES, value);
        }
    }
    response
}
