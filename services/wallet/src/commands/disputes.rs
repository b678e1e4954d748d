//! Commands about disputes.

use super::customers::CustomerRef;
use payterms_chassis::listing::Listing;
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{Customer, Dispute};

/// A dispute that a request names.
#[derive(Debug, Clone)]
pub struct DisputeRef {
    /// Whose it is.
    pub customer: CustomerRef,
    /// The dispute.
    pub dispute: Id<Dispute>,
}

/// Decides a dispute.
#[derive(Debug, Clone)]
pub struct DecideDispute {
    /// The dispute.
    pub dispute: DisputeRef,
    /// What is known of the decision.
    pub explanation: String,
}

/// Which disputes are listed.
#[derive(Debug, Clone)]
pub struct ListDisputes {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose; none: of all customers.
    pub customer: Option<Id<Customer>>,
    /// What else must hold, the order and the page.
    pub listing: Listing,
}
