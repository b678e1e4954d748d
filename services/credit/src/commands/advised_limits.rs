//! What is asked of advised limits.

use super::lines::LineRef;
use payterms_credit_domain::{AdvisedLimit, AdvisedState, Customer, advised::Answer};
use payterms_kernel::{Id, TenantId};

/// Names an advised limit.
#[derive(Debug, Clone)]
pub struct AdvisedLimitRef {
    /// The line that it would raise.
    pub line: LineRef,
    /// The advised limit.
    pub advised: Id<AdvisedLimit>,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}

/// A person decides.
#[derive(Debug, Clone)]
pub struct DecideAdvisedLimit {
    /// On what.
    pub named: AdvisedLimitRef,
    /// Yes or no.
    pub answer: Answer,
    /// What is said to the customer.
    pub explanation: String,
}

/// Which advised limits are listed.
#[derive(Debug, Clone)]
pub struct ListAdvisedLimits {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose; none: of all customers.
    pub customer: Option<Id<Customer>>,
    /// In one of these states; none: in any.
    pub states: Vec<AdvisedState>,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}
