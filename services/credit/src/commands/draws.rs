//! What is asked of draws.

use super::lines::LineRef;
use payterms_chassis::listing::Listing;
use payterms_credit_domain::{Customer, Draw, Invoice, Line};
use payterms_kernel::{Id, Money, TenantId};
use uuid::Uuid;

/// Names a draw.
#[derive(Debug, Clone)]
pub struct DrawRef {
    /// Its line.
    pub line: LineRef,
    /// The draw.
    pub draw: Id<Draw>,
}

/// Names a payment on a line.
#[derive(Debug, Clone)]
pub struct PaymentRef {
    /// The line.
    pub line: LineRef,
    /// The payment.
    pub payment: Uuid,
}

/// A payment of invoices reserves parts of a line.
#[derive(Debug, Clone)]
pub struct AuthorizeForPayment {
    /// Which payment, on which line.
    pub payment: PaymentRef,
    /// How much for which invoice.
    pub invoices: Vec<(Id<Invoice>, Money)>,
}

/// Which draws are listed.
#[derive(Debug, Clone)]
pub struct ListDraws {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose; none: of all customers.
    pub customer: Option<Id<Customer>>,
    /// On which line; none: on all.
    pub line: Option<Id<Line>>,
    /// What else must hold, the order and the page.
    pub listing: Listing,
}
