//! What is asked of credit notes.

use super::invoices::InvoiceRef;
use payterms_kernel::Money;

/// Takes an amount off an invoice.
#[derive(Debug, Clone)]
pub struct CreateCreditNote {
    /// Which.
    pub invoice: InvoiceRef,
    /// How much.
    pub amount: Money,
    /// Why.
    pub explanation: String,
}
