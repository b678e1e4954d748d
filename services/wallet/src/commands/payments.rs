//! The steps of a payment of invoices. Invoicing, which owns payments, requests them.

use super::customers::CustomerRef;
use payterms_kernel::{Currency, Id, Money};
use payterms_wallet_domain::{
    Charge, PaymentMethod,
    settlement::{Arrived, CreditBought, InvoiceTax},
};
use uuid::Uuid;

/// A payment of a customer, and the currency that it is in.
#[derive(Debug, Clone)]
pub struct PaymentRef {
    /// The customer.
    pub customer: CustomerRef,
    /// The payment.
    pub payment: Uuid,
    /// The currency.
    pub currency: Currency,
}

impl PaymentRef {
    /// The payment's name.
    #[must_use]
    pub fn name(&self) -> String {
        payment_name(&self.customer, self.payment)
    }
}

/// The name of a customer's payment.
#[must_use]
pub fn payment_name(customer: &CustomerRef, payment: Uuid) -> String {
    format!("{}/payments/{payment}", customer.name())
}

/// Reserves credit.
#[derive(Debug, Clone)]
pub struct HoldForPayment {
    /// For which payment.
    pub payment: PaymentRef,
    /// How much.
    pub amount: Money,
    /// Whether the invoices that it pays charge tax.
    pub tax: InvoiceTax,
}

/// Charges a method.
#[derive(Debug, Clone)]
pub struct ChargeForPayment {
    /// For which payment.
    pub payment: PaymentRef,
    /// The method to charge; `None` for the collection method.
    pub method: Option<Id<PaymentMethod>>,
    /// How much.
    pub amount: Money,
}

/// A charge that a request names.
#[derive(Debug, Clone)]
pub struct ChargeRef {
    /// Whose.
    pub customer: CustomerRef,
    /// The charge.
    pub charge: Id<Charge>,
}

/// Settles a payment.
#[derive(Debug, Clone)]
pub struct SettlePayment {
    /// Which.
    pub payment: PaymentRef,
    /// Whether reserved credit is captured.
    pub credit: bool,
    /// The amount paid beyond the invoices, if any.
    pub surplus: Option<Money>,
}

/// Refunds a part of a payment.
#[derive(Debug, Clone)]
pub struct RefundPayment {
    /// Which payment.
    pub payment: PaymentRef,
    /// How much.
    pub amount: Money,
    /// The step that made the charge to refund; `None` for credit.
    pub charge_step: Option<Uuid>,
    /// Whether it becomes credit rather than going back to the card.
    pub to_credit: bool,
}

/// Books back what a bank line had paid.
#[derive(Debug, Clone)]
pub struct ReturnTransfer {
    /// For which payment.
    pub payment: PaymentRef,
    /// All that had arrived.
    pub amount: Money,
    /// The part of it that had become credit beyond the invoices.
    pub surplus: Option<Money>,
    /// The part of it that had bought credit.
    pub bought: Option<CreditBought>,
}

/// Books a bank transfer.
#[derive(Debug, Clone)]
pub struct RecordTransfer {
    /// For which payment.
    pub payment: PaymentRef,
    /// What arrived.
    pub arrived: Arrived,
}
