//! What is asked of API keys.

use chrono::{DateTime, Utc};
use payterms_invoicing_domain::{ApiKey, api_key::Permission};
use payterms_kernel::Id;

/// Creates a key.
#[derive(Debug, Clone)]
pub struct CreateApiKey {
    /// What it is for.
    pub display_name: String,
    /// What it may do.
    pub permission: Permission,
    /// When it ends; none: it does not.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Makes another secret of a key.
#[derive(Debug, Clone)]
pub struct RotateApiKey {
    /// Which.
    pub key: Id<ApiKey>,
    /// Until when the secrets of before are valid; none: they end now.
    pub previous_until: Option<DateTime<Utc>>,
}
