//! What is asked of draws.

use super::lines::LineRef;
use payterms_credit_domain::{Draw, Invoice};
use payterms_kernel::{Id, Money};
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
