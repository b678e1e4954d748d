//! Top-ups by bank transfer: an invoice that asks for no debt, and what its money buys
//! (docs/domain/wallet.md#top-ups-by-transfer).

use crate::{
    customer::{Address, Customer},
    invoice::{Content, Invoice, InvoiceState, Line, Party},
    number::Series,
    tax::{self, Rate, TaxAmount},
    tenant::Tenant,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Id, Money, Reason, Refusal, calendar::PaymentTerm, money::MoneyError};
use rust_decimal::Decimal;

/// Days that an invoice waits for its transfer.
pub const DAYS: u16 = 30;
/// Why a credit note takes a bank's fees off.
pub const TRANSFER_FEES: &str = "TRANSFER_FEES";
/// Why a credit note takes off what a transfer had paid that does not stand any more.
pub const TRANSFER_TAKEN_BACK: &str = "TRANSFER_TAKEN_BACK";
/// Why a credit note takes off what did not come in time.
pub const NOT_TRANSFERRED: &str = "NOT_TRANSFERRED";

/// Whom the invoice of a top-up is made out to, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopUp {
    /// Company that it is made out to.
    pub company_name: String,
    /// Its address.
    pub address: Option<Address>,
    /// Its number in a public register; may be empty.
    pub company_id: String,
    /// Where it is mailed to.
    pub email: String,
    /// Whom to ask.
    pub contact_name: String,
    /// The contact's phone number.
    pub phone: String,
    /// Whether the amount includes tax, so that its credit is not taxed again.
    pub taxed: bool,
}

/// How the tenant sells by transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Whether customers may buy credit at all.
    pub prepayment: bool,
    /// Whether they may do so by transfer.
    pub by_transfer: bool,
    /// The least amount in the currency.
    pub minimum: Option<Money>,
    /// Whether the amount includes tax.
    pub taxed: bool,
    /// For how many days its credit can be used; 0 without end.
    pub valid_days: u32,
}

impl Offer {
    /// Refuses what the tenant does not sell; staff may also sell what customers are not offered.
    ///
    /// # Errors
    /// `FEATURE_DISABLED`, `METHOD_NOT_OFFERED`, `CURRENCY_NOT_OFFERED`, `BELOW_MINIMUM`.
    pub fn must_sell(&self, amount: Money, as_customer: bool) -> Result<(), Refusal> {
        if as_customer && !self.prepayment {
            return Err(Refusal::precondition(
                Reason::FEATURE_DISABLED,
                "The tenant has not turned prepayment on.",
            ));
        }
        if as_customer && !self.by_transfer {
            return Err(Refusal::precondition(
                Reason::METHOD_NOT_OFFERED,
                "The tenant does not offer bank transfers for prepayment.",
            ));
        }
        let currency = amount.currency();
        let least = self.minimum.ok_or_else(|| {
            let message = format!(
                "The tenant has set no least transfer in {currency}, so nothing is sold in it."
            );
            Refusal::precondition(Reason::CURRENCY_NOT_OFFERED, message).with("currency", currency)
        })?;
        if amount.compare(least)?.is_lt() {
            let message = format!("The least transfer is {least}; {amount} were asked.");
            return Err(Refusal::precondition(Reason::BELOW_MINIMUM, message)
                .with("minimum", least.amount())
                .with("currency", currency));
        }
        Ok(())
    }
}

/// What a part of a transfer buys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bought {
    /// How much of the transfer, tax included.
    pub amount: Money,
    /// The tax in it.
    pub tax: Money,
    /// Whether tax was taken; else it is on the invoices that the credit pays.
    pub taxed: bool,
}

impl Invoice {
    /// Issues the invoice of a top-up.
    ///
    /// # Errors
    /// `TAX_UNKNOWN`, `AMOUNT_OUT_OF_RANGE`.
    pub fn raise(
        id: Id<Self>,
        (tenant, customer): (&Tenant, &Customer),
        (amount, what, top_up): (Money, &str, TopUp),
        (series, today): (&mut Series, NaiveDate),
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        let line = Line::plain(what.to_owned(), Decimal::ONE, amount, String::new());
        let content = Content {
            prices_include_tax: true,
            term: PaymentTerm::NetDays(DAYS),
            lines: vec![line],
            discount: None,
            supply_date: None,
            memo: String::new(),
            collect_automatically: false,
        };
        let mut invoice = Self::draft(id, tenant, customer, amount.currency(), content, now)?;
        if !top_up.taxed {
            let untaxed = Rate { percent: Decimal::ZERO, sentence: String::new() };
            invoice.amounts = tax::amounts(amount.currency(), true, &[(amount, untaxed)])?;
        }
        let buyer = Party {
            legal_name: top_up.company_name.clone(),
            address: top_up.address.clone(),
            country: customer.country.clone(),
            tax_id: if top_up.company_id.is_empty() {
                customer.tax_id.clone()
            } else {
                top_up.company_id.clone()
            },
            bank_details: String::new(),
            language: customer.locale.clone(),
        };
        invoice.top_up = Some(top_up);
        invoice.issue_to(tenant, buyer, series, today, now);
        Ok(invoice)
    }

    /// Refuses where the invoice sells credit by transfer.
    ///
    /// # Errors
    /// `TOP_UP_INVOICE`.
    pub fn must_ask_for_a_debt(&self) -> Result<(), Refusal> {
        if self.top_up.is_none() {
            return Ok(());
        }
        let message = "The invoice sells credit by bank transfer: only a transfer pays it, and what has come is credit already. \
                       What is open can be voided or credit-noted.";
        Err(Refusal::precondition(Reason::TOP_UP_INVOICE, message).with("invoice", self.id))
    }

    /// What the next part of a transfer buys: the tax of what is still missing is that of a credit
    /// note over it, and what has come keeps the remainder.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub(crate) fn buys(&self, part: Money) -> Result<Option<Bought>, MoneyError> {
        let Some(top_up) = &self.top_up else { return Ok(None) };
        let before = self.paid.plus(self.pending)?;
        let tax =
            self.tax_of_the_first(before.plus(part)?)?.minus(self.tax_of_the_first(before)?)?;
        Ok(Some(Bought { amount: part, tax, taxed: top_up.taxed }))
    }

    fn tax_of_the_first(&self, came: Money) -> Result<Money, MoneyError> {
        let mut taxes = self.amounts.taxes.clone();
        let zero = Money::zero(self.currency);
        for tax_amount in &mut taxes {
            (tax_amount.credited_net, tax_amount.credited_tax) = (zero, zero);
        }
        let sum = |taxes: &[TaxAmount]| {
            taxes.iter().try_fold(zero, |sum, tax_amount| sum.plus(tax_amount.tax))
        };
        let missing = tax::credit(&mut taxes, self.amounts.total.minus(came)?)?;
        sum(&taxes)?.minus(sum(&missing)?)
    }

    /// A transfer has come: takes off what is missing where that is a bank's fees, up to the
    /// tolerance. Answers what is credit-noted, with its part of each rate.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub(crate) fn forgive(
        &mut self,
        tolerance: Money,
        now: DateTime<Utc>,
    ) -> Result<Option<(Money, Vec<TaxAmount>)>, Refusal> {
        let short = self.payable()?;
        if self.top_up.is_none() || !short.is_positive() || short.compare(tolerance)?.is_gt() {
            return Ok(None);
        }
        Ok(Some((short, self.credit(short, now)?.0)))
    }

    /// Its time is over: takes off what did not come. Nothing while a transfer is being booked.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn lapse(
        &mut self,
        now: DateTime<Utc>,
    ) -> Result<Option<(Money, Vec<TaxAmount>)>, Refusal> {
        let open = self.open()?;
        if self.top_up.is_none() || self.state != InvoiceState::Open || self.pending.is_positive() {
            return Ok(None);
        }
        Ok(Some((open, self.credit(open, now)?.0)))
    }
}

#[cfg(test)]
#[path = "top_up_tests.rs"]
mod tests;
