//! What is asked of credit lines.

use super::customers::CustomerRef;
use payterms_chassis::listing::Listing;
use payterms_credit_domain::{Customer, Line, LineState, Programme, Verb};
use payterms_kernel::{Id, Money, TenantId};

/// Names a line.
#[derive(Debug, Clone)]
pub struct LineRef {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The line.
    pub line: Id<Line>,
}

/// A line is offered.
#[derive(Debug, Clone)]
pub struct OfferLine {
    /// To whom.
    pub customer: CustomerRef,
    /// Under which programme.
    pub programme: Id<Programme>,
    /// The limit.
    pub limit: Money,
    /// Why.
    pub explanation: String,
}

/// A verb that the wallet must take part in: a line's method is switched there.
#[derive(Debug, Clone)]
pub struct SwitchLine {
    /// Which line.
    pub line: LineRef,
    /// Activate, deactivate, reactivate or close.
    pub verb: Verb,
    /// Why; empty where the customer does it.
    pub explanation: String,
}

/// The tenant suspends a line, or restores it.
#[derive(Debug, Clone)]
pub struct ExplainedChange {
    /// Which line.
    pub line: LineRef,
    /// Why.
    pub explanation: String,
}

/// A limit is set.
#[derive(Debug, Clone)]
pub struct ChangeLimit {
    /// Of which line.
    pub line: LineRef,
    /// The limit.
    pub limit: Money,
    /// Why, in order.
    pub reasons: Vec<String>,
    /// The version that was read; empty: any.
    pub etag: String,
}

/// Which lines are listed.
#[derive(Debug, Clone)]
pub struct ListLines {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose; none: of all customers.
    pub customer: Option<Id<Customer>>,
    /// In one of these states; none: in any.
    pub states: Vec<LineState>,
    /// What else must hold, the order and the page.
    pub listing: Listing,
}

/// Whose history is read, and by whom.
#[derive(Debug, Clone)]
pub struct LineHistory {
    /// Which line.
    pub line: LineRef,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}
