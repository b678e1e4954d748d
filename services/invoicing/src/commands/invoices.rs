//! What is asked of invoices and drafts.

use payterms_chassis::listing::Listing;
use payterms_invoicing_domain::{BlockReason, Content, Customer, Invoice, InvoiceState};
use payterms_kernel::{Currency, Id, Marks, TenantId};

/// Names an invoice.
#[derive(Debug, Clone)]
pub struct InvoiceRef {
    /// The tenant.
    pub tenant: TenantId,
    /// Who buys.
    pub customer: Id<Customer>,
    /// The invoice.
    pub invoice: Id<Invoice>,
    /// Whether a member of the customer asks: drafts and hidden invoices are not for them.
    pub as_customer: bool,
}

/// A draft that is written or changed; of a change only what the mask names counts.
#[derive(Debug, Clone)]
pub struct DraftFields {
    /// What it says.
    pub content: Content,
    /// The tenant's own id of it, and labels.
    pub marks: Marks,
    /// The version that may be changed; empty: any.
    pub etag: String,
}

/// Invoices of one customer.
#[derive(Debug, Clone)]
pub struct BatchGetInvoices {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose they are.
    pub customer: Id<Customer>,
    /// The invoices, in the order of the answer.
    pub invoices: Vec<Id<Invoice>>,
    /// Whether a customer asks, who does not see drafts.
    pub as_customer: bool,
}

/// Which invoices are listed.
#[derive(Debug, Clone)]
pub struct ListInvoices {
    /// The tenant.
    pub tenant: TenantId,
    /// Who buys; none: all customers.
    pub customer: Option<Id<Customer>>,
    /// Only those of this state.
    pub state: Option<InvoiceState>,
    /// Only those that are blocked for this reason.
    pub blocked_for: Option<BlockReason>,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
    /// What else must hold, the order and the page.
    pub listing: Listing,
}

/// Writes a draft.
#[derive(Debug, Clone)]
pub struct CreateInvoice {
    /// Who buys.
    pub customer: Id<Customer>,
    /// The currency of all lines.
    pub currency: Currency,
    /// What it says.
    pub content: Content,
    /// The tenant's own id of it, and labels.
    pub marks: Marks,
}

/// Changes a draft.
#[derive(Debug, Clone)]
pub struct UpdateInvoice {
    /// Which.
    pub invoice: InvoiceRef,
    /// The new values.
    pub fields: DraftFields,
    /// Which of them count.
    pub paths: Vec<String>,
}
