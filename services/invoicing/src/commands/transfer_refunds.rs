//! What is asked of transfers back to payers.

use chrono::NaiveDate;
use payterms_invoicing_domain::{Customer, Payment, TransferRefund, transfer_refund::Credit};
use payterms_kernel::{Id, Money, TenantId};
use std::fmt;

/// An account as a person entered it. It is compared, and written nowhere.
#[derive(Clone)]
pub struct EnteredAccount(pub String);

impl fmt::Debug for EnteredAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnteredAccount")
    }
}

/// Makes a transfer to make.
#[derive(Debug, Clone)]
pub struct RefundTransfer {
    /// Whose credit it is.
    pub customer: Id<Customer>,
    /// The payment whose transfer had brought it.
    pub payment: Id<Payment>,
    /// Which credit of it.
    pub from: Credit,
    /// How much; none: all that can go back.
    pub credit: Option<Money>,
    /// The account that it goes to.
    pub account: EnteredAccount,
    /// How it is known to be the payer's, where the bank named none; may be empty.
    pub account_evidence: String,
    /// Why.
    pub explanation: String,
}

/// A refund that a request names.
#[derive(Debug, Clone)]
pub struct TransferRefundRef {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose.
    pub customer: Id<Customer>,
    /// The refund.
    pub refund: Id<TransferRefund>,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}

/// Says that a transfer was made.
#[derive(Debug, Clone)]
pub struct MarkRefundSent {
    /// Which.
    pub named: TransferRefundRef,
    /// When the bank made it; none: today.
    pub sent_on: Option<NaiveDate>,
    /// The bank's reference; may be empty.
    pub bank_reference: String,
}
