//! What is asked of refunds.

use super::invoices::InvoiceRef;
use payterms_invoicing_domain::Payment;
use payterms_kernel::{Id, Money};

/// Takes what a payment has paid off an invoice.
#[derive(Debug, Clone)]
pub struct UnapplyPayment {
    /// The invoice.
    pub invoice: InvoiceRef,
    /// The payment.
    pub payment: Id<Payment>,
    /// How much; none: all that it has paid of the invoice.
    pub amount: Option<Money>,
}
