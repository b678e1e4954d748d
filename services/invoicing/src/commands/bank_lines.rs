//! What is asked of bank lines.

use super::invoices::InvoiceRef;
use payterms_chassis::bank_file::Reading;
use payterms_invoicing_domain::{BankLine, Customer, bank::Dismissal};
use payterms_kernel::{Id, Money};

/// A bank's file.
#[derive(Debug, Clone)]
pub struct BankStatementFile {
    /// The file.
    pub content: Vec<u8>,
    /// How it is read.
    pub reading: Reading,
}

/// Matches a line to invoices.
#[derive(Debug, Clone)]
pub struct MatchBankLine {
    /// The line.
    pub line: Id<BankLine>,
    /// The invoices that it pays, each once.
    pub invoices: Vec<InvoiceRef>,
}

/// Says which line a return takes back.
#[derive(Debug, Clone)]
pub struct ReturnBankLine {
    /// The return.
    pub line: Id<BankLine>,
    /// The line that it takes back.
    pub returned_line: Id<BankLine>,
}

/// What a person matches a line to.
#[derive(Debug, Clone)]
pub enum Matching {
    /// Invoices that it pays.
    Invoices(MatchBankLine),
    /// A line that it takes back.
    Return(ReturnBankLine),
}

/// Makes a line money on account.
#[derive(Debug, Clone)]
pub struct CreditBankLine {
    /// The line.
    pub line: Id<BankLine>,
    /// Whose money it is.
    pub customer: Id<Customer>,
}

/// Cuts a line into parts.
#[derive(Debug, Clone)]
pub struct SplitBankLine {
    /// The line.
    pub line: Id<BankLine>,
    /// What each part comes to.
    pub parts: Vec<Money>,
}

/// Dismisses a line.
#[derive(Debug, Clone)]
pub struct DismissBankLine {
    /// The line.
    pub line: Id<BankLine>,
    /// Why.
    pub reason: Dismissal,
    /// More about it.
    pub explanation: String,
}
