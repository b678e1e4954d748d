//! Credit notes of receipts: what the wallet gave back of bought credit, printed and never recomputed
//! (docs/domain/wallet.md#refund-of-top-up).

use crate::{customer::Customer, number::Series, receipt::Receipt, tax::TaxAmount};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Id, Money, money::MoneyError};
use uuid::Uuid;

/// The reason of a credit note for what an issuer has taken back.
pub const CHARGED_BACK: &str = "CHARGED_BACK";

/// A credit note of a receipt; it never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptCreditNote {
    /// Its id.
    pub id: Id<ReceiptCreditNote>,
    /// The receipt that it corrects.
    pub receipt: Id<Receipt>,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The refund of the wallet, or the dispute.
    pub refund: Uuid,
    /// Whether an issuer has taken it back.
    pub of_dispute: bool,
    /// Its number.
    pub number: String,
    /// Its date.
    pub issue_date: NaiveDate,
    /// The credit as net, and the tax.
    pub tax: TaxAmount,
    /// What was given back.
    pub amount: Money,
    /// Why.
    pub explanation: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// What the wallet gave back.
#[derive(Debug, Clone)]
pub struct GivenBack {
    /// The refund, or the dispute.
    pub refund: Uuid,
    /// Whether an issuer has taken it back.
    pub of_dispute: bool,
    /// The credit.
    pub credit: Money,
    /// The tax.
    pub tax: Money,
    /// Why.
    pub explanation: String,
}

impl ReceiptCreditNote {
    /// Issues the credit note of a refund.
    ///
    /// # Errors
    /// `CurrencyMismatch`.
    pub fn issue(
        id: Id<Self>,
        receipt: &Receipt,
        given_back: GivenBack,
        (series, today): (&mut Series, NaiveDate),
        now: DateTime<Utc>,
    ) -> Result<Self, MoneyError> {
        let GivenBack { refund, of_dispute, credit, tax, explanation } = given_back;
        let zero = Money::zero(credit.currency());
        // Never before the receipt that it corrects.
        let (number, issue_date) = series.take(today.max(receipt.issue_date));
        Ok(Self {
            id,
            receipt: receipt.id,
            customer: receipt.customer,
            refund,
            of_dispute,
            number,
            issue_date,
            tax: TaxAmount { rate: receipt.tax.rate.clone(), net: credit, tax, credited_net: zero, credited_tax: zero },
            amount: credit.plus(tax)?,
            explanation,
            created_at: now,
        })
    }
}
