//! Receipts for credit that was bought: what the wallet charged and taxed, printed and never
//! recomputed (docs/domain/wallet.md#receipt); and for payments of invoices
//! (docs/domain/invoicing.md#payment-notice).

use crate::{
    customer::Customer,
    invoice::Party,
    number::Series,
    payment::Payment,
    tax::{Rate, TaxAmount},
    tenant::Tenant,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Id, Money, money::MoneyError};
use rust_decimal::Decimal;
use uuid::Uuid;

/// A receipt; it never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its id.
    pub id: Id<Receipt>,
    /// Who bought.
    pub customer: Id<Customer>,
    /// What it is for.
    pub subject: Subject,
    /// Its number.
    pub number: String,
    /// Its date.
    pub issue_date: NaiveDate,
    /// Whether tax was taken; else it is on the invoices that the credit pays.
    pub taxed: bool,
    /// The credit as net, and the tax.
    pub tax: TaxAmount,
    /// What was paid.
    pub amount: Money,
    /// Who sells.
    pub seller: Party,
    /// Who buys.
    pub buyer: Party,
    /// What the seller's law wants on it.
    pub mentions: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// What a receipt is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Credit that was bought.
    TopUp {
        /// The top-up.
        top_up: Uuid,
        /// The wallet that the credit is in.
        wallet: Uuid,
        /// What it stands for, where a won dispute has given the credit back; none for the purchase
        /// itself.
        replaces: Option<Replaced>,
        /// The last day on which the credit can be used; none where it does not expire.
        expires_on: Option<NaiveDate>,
    },
    /// Invoices that were paid.
    Payment {
        /// The payment.
        payment: Id<Payment>,
        /// The day that counts.
        paid_on: NaiveDate,
        /// Numbers, and what was paid of each.
        invoices: Vec<(String, Money)>,
    },
}

/// The receipts that one of a won dispute stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The dispute.
    pub dispute: Uuid,
    /// Their numbers; none is known of those from before they were kept.
    pub numbers: Vec<String>,
    /// The day on which the credit was paid, likewise.
    pub paid_on: Option<NaiveDate>,
}

/// What the wallet told of a top-up.
#[derive(Debug, Clone)]
pub struct Bought {
    /// The top-up.
    pub top_up: Uuid,
    /// The wallet.
    pub wallet: Uuid,
    /// What its receipt stands for, where a won dispute has given it back.
    pub replaces: Option<Replaced>,
    /// The last day on which its credit can be used.
    pub expires_on: Option<NaiveDate>,
    /// Whether tax was taken.
    pub taxed: bool,
    /// What was charged, tax included.
    pub amount: Money,
    /// The tax in it.
    pub tax: Money,
    /// The rate that it was taken at.
    pub rate: Rate,
}

impl Receipt {
    /// Issues the receipt of a top-up.
    ///
    /// # Errors
    /// `CurrencyMismatch`.
    pub fn issue(
        id: Id<Self>,
        tenant: &Tenant,
        customer: &Customer,
        bought: Bought,
        series: &mut Series,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Self, MoneyError> {
        let zero = Money::zero(bought.amount.currency());
        let net = bought.amount.minus(bought.tax)?;
        let (number, issue_date) = series.take(today);
        Ok(Self {
            id,
            customer: customer.id,
            subject: Subject::TopUp {
                top_up: bought.top_up,
                wallet: bought.wallet,
                replaces: bought.replaces,
                expires_on: bought.expires_on,
            },
            number,
            issue_date,
            taxed: bought.taxed,
            tax: TaxAmount {
                rate: bought.rate,
                net,
                tax: bought.tax,
                credited_net: zero,
                credited_tax: zero,
            },
            amount: bought.amount,
            seller: tenant.party(),
            buyer: customer.party(),
            mentions: tenant.business.legal_mentions.clone(),
            created_at: now,
        })
    }

    /// The day on which it was paid.
    #[must_use]
    pub fn paid_on(&self) -> NaiveDate {
        match &self.subject {
            Subject::Payment { paid_on, .. } => *paid_on,
            Subject::TopUp { replaces, .. } => {
                replaces.as_ref().and_then(|replaced| replaced.paid_on).unwrap_or(self.issue_date)
            }
        }
    }

    /// Its place among the receipts of a top-up, which take their numbers in order.
    #[must_use]
    pub fn place(&self) -> (NaiveDate, usize, &str) {
        (self.issue_date, self.number.len(), &self.number)
    }

    /// Issues the receipt of a payment over invoices: their tax is on them.
    #[must_use]
    pub fn of_payment(
        id: Id<Self>,
        (tenant, customer): (&Tenant, &Customer),
        (subject, amount): (Subject, Money),
        (series, today): (&mut Series, NaiveDate),
        now: DateTime<Utc>,
    ) -> Self {
        let zero = Money::zero(amount.currency());
        let rate = Rate { percent: Decimal::ZERO, sentence: String::new() };
        let (number, issue_date) = series.take(today);
        Self {
            id,
            customer: customer.id,
            subject,
            number,
            issue_date,
            taxed: false,
            tax: TaxAmount { rate, net: amount, tax: zero, credited_net: zero, credited_tax: zero },
            amount,
            seller: tenant.party(),
            buyer: customer.party(),
            mentions: tenant.business.legal_mentions.clone(),
            created_at: now,
        }
    }
}
