//! What is asked of payments.

use chrono::NaiveDate;
use payterms_invoicing_domain::{Customer, Invoice, Payment};
use payterms_kernel::{Currency, Id, Marks, Money, TenantId};
use uuid::Uuid;

/// What a tender is to pay with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// The customer's credit.
    Credit,
    /// A card; none: the purchase default.
    Card(Option<Uuid>),
    /// A bank transfer that the payer will make.
    Transfer,
    /// The purchase default, which must be a credit line.
    Line,
}

/// What is to be paid with what.
#[derive(Debug, Clone)]
pub struct ToPay {
    /// The tenant.
    pub tenant: TenantId,
    /// Who pays.
    pub customer: Id<Customer>,
    /// The invoices; none: all that are open.
    pub invoices: Vec<(Id<Invoice>, Option<Money>)>,
    /// The tenders.
    pub tenders: Vec<(Means, Option<Money>)>,
    /// The currency, where no invoice is named.
    pub currency: Option<Currency>,
    /// Whether a member of the customer asks: drafts and hidden invoices are not for them.
    pub as_customer: bool,
    /// Whether the credit that there is pays what it can, instead of all that is payable or
    /// nothing.
    pub as_far_as_credit_goes: bool,
    /// The tenant's own id of the payment, and labels.
    pub marks: Marks,
}

/// Names a payment.
#[derive(Debug, Clone)]
pub struct PaymentRef {
    /// The tenant.
    pub tenant: TenantId,
    /// Who pays.
    pub customer: Id<Customer>,
    /// The payment.
    pub payment: Id<Payment>,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}

/// What was paid elsewhere.
#[derive(Debug, Clone)]
pub struct OutsidePayment {
    /// Who paid.
    pub customer: Id<Customer>,
    /// The invoices.
    pub invoices: Vec<(Id<Invoice>, Option<Money>)>,
    /// How much; none: all that is payable.
    pub amount: Option<Money>,
    /// What proves it.
    pub reference: String,
    /// When the money came; none: today.
    pub received_on: Option<NaiveDate>,
    /// The tenant's own id of the payment, and labels.
    pub marks: Marks,
}
