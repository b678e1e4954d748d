//! The steps of a transfer back to its payer. Invoicing, which owns it, requests them.

use super::{customers::CustomerRef, payments::PaymentRef};
use payterms_kernel::{Currency, Money};
use payterms_wallet_domain::TransferKind;
use uuid::Uuid;

/// Credit that a transfer had become.
#[derive(Debug, Clone)]
pub struct TransferCredit {
    /// The payment that the transfer had made.
    pub payment: PaymentRef,
    /// How it became credit: `Surplus` or `TransferTopUp`.
    pub became: TransferKind,
}

/// Asks how much can go back.
#[derive(Debug, Clone)]
pub struct QuoteTransferRefund {
    /// Of which credit.
    pub of: TransferCredit,
    /// How much is to; `None` for all that can.
    pub credit: Option<Money>,
}

/// Reserves credit.
#[derive(Debug, Clone)]
pub struct ReserveTransferRefund {
    /// For which transfer.
    pub refund: Uuid,
    /// Of which credit.
    pub of: TransferCredit,
    /// How much.
    pub credit: Money,
}

/// Frees what is reserved.
#[derive(Debug, Clone)]
pub struct ReleaseTransferRefund {
    /// For which transfer it was.
    pub refund: Uuid,
    /// Whose.
    pub customer: CustomerRef,
    /// The currency.
    pub currency: Currency,
}

/// Books that the transfer was made.
#[derive(Debug, Clone)]
pub struct BookTransferRefund {
    /// Which.
    pub refund: Uuid,
    /// The payment whose transfer had brought the credit.
    pub payment: PaymentRef,
    /// The tax that goes back with it.
    pub tax: Money,
    /// Why.
    pub description: String,
}
