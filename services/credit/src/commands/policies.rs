//! What is asked of policies.

use payterms_credit_domain::Policy;
use payterms_kernel::{Id, TenantId};

/// Names a policy.
#[derive(Debug, Clone)]
pub struct PolicyRef {
    /// The tenant.
    pub tenant: TenantId,
    /// The policy.
    pub policy: Id<Policy>,
}

/// A draft is replaced.
#[derive(Debug, Clone)]
pub struct UpdatePolicy {
    /// Which policy.
    pub policy: PolicyRef,
    /// Title, terms, cases and currency of this count.
    pub new: Policy,
    /// The version that was read; empty: any.
    pub etag: String,
}
