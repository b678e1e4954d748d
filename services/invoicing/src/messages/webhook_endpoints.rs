//! Webhook endpoints: requests → commands, and endpoints → messages.

use crate::commands::webhook_endpoints::{EndpointRef, RotateSecret, UpdateEndpoint};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError, Call, Fields, etag,
    names::Name,
    page::Page,
    render::timestamp,
    webhooks::{Webhooks, targets},
};
use payterms_invoicing_domain::{
    WebhookEndpoint,
    webhook_endpoint::{DisabledReason, EndpointFields, EndpointState},
};
use payterms_kernel::{Id, Reason, TenantId};
use payterms_proto::{
    common::peers::v1::{WebhookTargetChanged, webhook_target_changed::SealedSecret},
    invoicing::v1 as pb,
};
use tonic::Request;

/// The collections of an endpoint's name.
const ENDPOINT: &[&str] = &["webhookEndpoints"];
/// Types of one endpoint.
const MOST_TYPES: usize = 100;
/// For how long old secrets sign where nothing is said, and at most.
const USUAL_HOURS: u32 = 24;
const MOST_HOURS: i32 = 168;

fn endpoint_ref(name: &Name) -> EndpointRef {
    EndpointRef { tenant: name.tenant.clone(), endpoint: Id::from_uuid(name.id(0)) }
}

/// A field is checked when it will be used.
fn endpoint_fields(
    fields: &mut Fields,
    webhooks: &Webhooks,
    endpoint: &pb::WebhookEndpoint,
    used: impl Fn(&str) -> bool,
) -> EndpointFields {
    if used("url") {
        fields.token("webhook_endpoint.url", &endpoint.url, 1, 500);
        if let Some(wrong) =
            webhooks.rules.check(&endpoint.url).err().filter(|_| !endpoint.url.trim().is_empty())
        {
            fields.wrong("webhook_endpoint.url", Reason::WEBHOOK_ADDRESS_REFUSED, wrong);
        }
    }
    EndpointFields {
        url: endpoint.url.clone(),
        types: if used("types") { types(fields, webhooks, &endpoint.types) } else { Vec::new() },
        description: if used("description") {
            fields.text("webhook_endpoint.description", &endpoint.description, 0, 200)
        } else {
            String::new()
        },
    }
}

fn types(fields: &mut Fields, webhooks: &Webhooks, types: &[String]) -> Vec<String> {
    const FIELD: &str = "webhook_endpoint.types";
    if types.len() > MOST_TYPES {
        fields.wrong(FIELD, Reason::TOO_MANY_ITEMS, "Name at most 100 types.");
    }
    let mut named: Vec<String> = Vec::new();
    for (place, kind) in types.iter().enumerate().take(MOST_TYPES) {
        let field = format!("{FIELD}[{place}]");
        if !webhooks.types.contains(kind) {
            fields.wrong(
                &field,
                Reason::EVENT_TYPE_UNKNOWN,
                "There is no such type of event. Use types of the catalogue of events.",
            );
        } else if named.contains(kind) {
            fields.wrong(&field, Reason::DUPLICATE_ITEM, "Name each type once.");
        }
        named.push(kind.clone());
    }
    named
}

/// Adds an endpoint.
pub fn create_webhook_endpoint(
    request: Request<pb::CreateWebhookEndpointRequest>,
    webhooks: &Webhooks,
) -> Result<(Call, EndpointFields), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &[]);
    if message.webhook_endpoint.is_none() {
        fields.wrong("webhook_endpoint", Reason::FIELD_REQUIRED, "Describe the endpoint.");
    }
    let endpoint = message.webhook_endpoint.unwrap_or_default();
    let new = endpoint_fields(&mut fields, webhooks, &endpoint, |_| true);
    fields.token("webhook_endpoint.etag", &endpoint.etag, 0, 100);
    Ok((fields.write(&message.request_id, name.tenant)?, new))
}

/// Changes an endpoint.
pub fn update_webhook_endpoint(
    request: Request<pb::UpdateWebhookEndpointRequest>,
    webhooks: &Webhooks,
) -> Result<(Call, UpdateEndpoint), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let paths = fields.mask(message.update_mask.as_ref(), &["url", "types", "description"]);
    if message.webhook_endpoint.is_none() {
        fields.wrong("webhook_endpoint", Reason::FIELD_REQUIRED, "Describe the endpoint.");
    }
    let wanted = message.webhook_endpoint.unwrap_or_default();
    let name = fields.name("webhook_endpoint.name", &wanted.name, ENDPOINT);
    let new = endpoint_fields(&mut fields, webhooks, &wanted, |path| {
        paths.iter().any(|named| named == path)
    });
    let etag = fields.token("webhook_endpoint.etag", &wanted.etag, 0, 100);
    let endpoint = endpoint_ref(&name).endpoint;
    Ok((
        fields.write(&message.request_id, name.tenant)?,
        UpdateEndpoint { endpoint, fields: new, paths, etag },
    ))
}

/// Signs with another secret.
pub fn rotate_webhook_secret(
    request: Request<pb::RotateWebhookSecretRequest>,
) -> Result<(Call, RotateSecret), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, ENDPOINT);
    let hours =
        fields.number("old_secret_valid_hours", message.old_secret_valid_hours, 0..=MOST_HOURS);
    let old_valid_hours = match hours {
        _ if message.revoke_old_secrets => 0,
        0 => USUAL_HOURS,
        hours => hours,
    };
    let endpoint = endpoint_ref(&name).endpoint;
    Ok((
        fields.write(&message.request_id, name.tenant)?,
        RotateSecret { endpoint, old_valid_hours },
    ))
}

/// A request that names an endpoint to change, and nothing else.
fn named(
    mut fields: Fields,
    request_id: &str,
    name: &str,
) -> Result<(Call, EndpointRef), AppError> {
    let name = fields.name("name", name, ENDPOINT);
    let named = endpoint_ref(&name);
    Ok((fields.write(request_id, name.tenant)?, named))
}

/// Removes an endpoint.
pub fn delete_webhook_endpoint(
    request: Request<pb::DeleteWebhookEndpointRequest>,
) -> Result<(Call, EndpointRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    named(fields, &message.request_id, &message.name)
}

/// Delivers again.
pub fn enable_webhook_endpoint(
    request: Request<pb::EnableWebhookEndpointRequest>,
) -> Result<(Call, EndpointRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    named(fields, &message.request_id, &message.name)
}

/// Holds deliveries back.
pub fn disable_webhook_endpoint(
    request: Request<pb::DisableWebhookEndpointRequest>,
) -> Result<(Call, EndpointRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    named(fields, &message.request_id, &message.name)
}

/// Tests an endpoint.
pub fn test_webhook_endpoint(
    request: Request<pb::TestWebhookEndpointRequest>,
) -> Result<(Call, EndpointRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    named(fields, &message.request_id, &message.name)
}

/// Names an endpoint to read.
pub fn get_webhook_endpoint(
    request: Request<pb::GetWebhookEndpointRequest>,
) -> Result<EndpointRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, ENDPOINT);
    fields.finish()?;
    Ok(endpoint_ref(&name))
}

/// Asks for endpoints.
pub fn list_webhook_endpoints(
    request: Request<pb::ListWebhookEndpointsRequest>,
) -> Result<(TenantId, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &[]);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok((name.tenant, page))
}

/// An endpoint, without its secrets. `real` is the machine's time.
#[must_use]
pub fn webhook_endpoint(
    tenant: &TenantId,
    endpoint: &WebhookEndpoint,
    real: DateTime<Utc>,
) -> pb::WebhookEndpoint {
    use pb::webhook_endpoint::{DisabledReason as Reason, State};
    let (state, reason) = match endpoint.state {
        EndpointState::Enabled => (State::Enabled, Reason::Unspecified),
        EndpointState::Disabled(DisabledReason::ByPerson) => (State::Disabled, Reason::ByPerson),
        EndpointState::Disabled(DisabledReason::Gone) => (State::Disabled, Reason::Gone),
        EndpointState::Disabled(DisabledReason::Failing) => (State::Disabled, Reason::Failing),
    };
    pb::WebhookEndpoint {
        name: targets::name(tenant, endpoint.id.uuid()),
        url: endpoint.fields.url.clone(),
        types: endpoint.fields.types.clone(),
        description: endpoint.fields.description.clone(),
        state: state.into(),
        disabled_reason: reason.into(),
        old_secret_expire_time: endpoint.old_secret_expires_at(real).map(timestamp),
        create_time: Some(timestamp(endpoint.created_at)),
        update_time: Some(timestamp(endpoint.updated_at)),
        etag: etag::etag(endpoint.version),
    }
}

/// An endpoint as every service needs it to deliver, as it was decided at this real time.
#[must_use]
pub fn webhook_target(
    tenant: &TenantId,
    endpoint: &WebhookEndpoint,
    real: DateTime<Utc>,
) -> WebhookTargetChanged {
    let secret = |held: &payterms_invoicing_domain::webhook_endpoint::HeldSecret| SealedSecret {
        sealed: held.sealed.clone().into(),
        expire_time: held.expires_at.map(timestamp),
    };
    WebhookTargetChanged {
        endpoint: targets::name(tenant, endpoint.id.uuid()),
        url: endpoint.fields.url.clone(),
        types: endpoint.fields.types.clone(),
        enabled: endpoint.state == EndpointState::Enabled,
        generation: endpoint.generation,
        secrets: endpoint.secrets.iter().map(secret).collect(),
        deleted: false,
        decide_time: Some(timestamp(real)),
    }
}
