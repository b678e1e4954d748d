//! The invoice of a purchase on a credit line: its lines and their tax were settled when the
//! purchase was authorised, so that nothing can refuse it now (docs/domain/credit.md#purchase).

use crate::{
    customer::Customer,
    deferral::Deferred,
    invoice::{Content, Invoice},
    number::Series,
    tax::{self, Rate},
    tenant::Tenant,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Currency, Refusal};

/// What was sold.
#[derive(Debug, Clone)]
pub struct Sale {
    /// What the invoice says; prices include tax.
    pub content: Content,
    /// The tax of each line, as it was when the purchase was authorised.
    pub rates: Vec<Rate>,
    /// Currency of every amount.
    pub currency: Currency,
    /// How it is deferred, and its invoice.
    pub deferred: Deferred,
}

impl Invoice {
    /// Issues the invoice of a captured purchase, OPEN and deferred. It is made out to the customer
    /// as it is now.
    ///
    /// # Errors
    /// `BALANCE_OVERFLOW` for a sum that no purchase can have.
    pub fn of_sale(
        tenant: &Tenant,
        customer: &Customer,
        sale: Sale,
        series: &mut Series,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        let mut lines = Vec::with_capacity(sale.rates.len());
        for (line, rate) in sale.content.lines.iter().zip(sale.rates) {
            lines.push((line.amount()?, rate));
        }
        let amounts = tax::amounts(sale.currency, sale.content.prices_include_tax, &lines)?;
        let mut invoice = Self::written(
            sale.deferred.invoice,
            customer.id,
            sale.currency,
            sale.content,
            amounts,
            now,
        );
        invoice.issue_to(tenant, customer.party(), series, today, now);
        invoice.defer(&sale.deferred, now);
        Ok(invoice)
    }
}
