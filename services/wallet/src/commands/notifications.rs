//! Notifications that a payment provider sends.

use payterms_kernel::TenantId;

/// A notification, not yet verified.
#[derive(Debug, Clone)]
pub struct Notification {
    /// The tenant that it was sent to.
    pub tenant: TenantId,
    /// The provider that it names.
    pub provider: String,
    /// The raw body, which the signature covers.
    pub body: Vec<u8>,
    /// The header with the signature.
    pub signature: String,
}
