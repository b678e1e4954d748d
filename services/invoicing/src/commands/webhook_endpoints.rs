//! References to webhook endpoints, and changes of them.

use payterms_invoicing_domain::{WebhookEndpoint, webhook_endpoint::EndpointFields};
use payterms_kernel::{Id, TenantId};

/// Names an endpoint.
#[derive(Debug, Clone)]
pub struct EndpointRef {
    /// The tenant.
    pub tenant: TenantId,
    /// The endpoint.
    pub endpoint: Id<WebhookEndpoint>,
}

/// Changes an endpoint.
#[derive(Debug, Clone)]
pub struct UpdateEndpoint {
    /// The endpoint.
    pub endpoint: Id<WebhookEndpoint>,
    /// What is new.
    pub fields: EndpointFields,
    /// The fields to change.
    pub paths: Vec<String>,
    /// The version that was read; empty: any.
    pub etag: String,
}

/// Signs with another secret.
#[derive(Debug, Clone)]
pub struct RotateSecret {
    /// The endpoint.
    pub endpoint: Id<WebhookEndpoint>,
    /// For how many hours the secrets so far sign too; 0: no more.
    pub old_valid_hours: u32,
}
