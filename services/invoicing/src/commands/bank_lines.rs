//! What is asked of bank lines.

use super::invoices::InvoiceRef;
use payterms_invoicing_domain::BankLine;
use payterms_kernel::Id;

/// Matches a line to an invoice.
#[derive(Debug, Clone)]
pub struct MatchBankLine {
    /// The line.
    pub line: Id<BankLine>,
    /// The invoice that it pays.
    pub invoice: InvoiceRef,
}
