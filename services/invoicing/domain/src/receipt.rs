//! Receipts for credit that was bought: what the wallet charged and taxed, printed and never recomputed
//! (docs/domain/wallet.md#receipt).

use crate::{
    customer::Customer,
    invoice::Party,
    number::Series,
    tax::{Rate, TaxAmount},
    tenant::Tenant,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Id, Money, money::MoneyError};
use uuid::Uuid;

/// A receipt; it never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its id.
    pub id: Id<Receipt>,
    /// Who bought.
    pub customer: Id<Customer>,
    /// The top-up that it is for.
    pub top_up: Uuid,
    /// The wallet that the credit is in.
    pub wallet: Uuid,
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

/// What the wallet told of a top-up.
#[derive(Debug, Clone)]
pub struct Bought {
    /// The top-up.
    pub top_up: Uuid,
    /// The wallet.
    pub wallet: Uuid,
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
        (tenant, customer): (&Tenant, &Customer),
        bought: Bought,
        (series, today): (&mut Series, NaiveDate),
        now: DateTime<Utc>,
    ) -> Result<Self, MoneyError> {
        let zero = Money::zero(bought.amount.currency());
        let net = bought.amount.minus(bought.tax)?;
        let (number, issue_date) = series.take(today);
        Ok(Self {
            id,
            customer: customer.id,
            top_up: bought.top_up,
            wallet: bought.wallet,
            number,
            issue_date,
            taxed: bought.taxed,
            tax: TaxAmount { rate: bought.rate, net, tax: bought.tax, credited_net: zero, credited_tax: zero },
            amount: bought.amount,
            seller: tenant.party(),
            buyer: customer.party(),
            mentions: tenant.business.legal_mentions.clone(),
            created_at: now,
        })
    }
}
