//! What an invoice says: what is billed, line by line, and on which terms.

use crate::discount::Discount;
use chrono::NaiveDate;
use payterms_kernel::{Money, calendar::PaymentTerm, money::MoneyError, rounding};
use rust_decimal::Decimal;

/// One thing that is billed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What.
    pub description: String,
    /// How many.
    pub quantity: Decimal,
    /// Price of one, at most six decimals; below zero for what is given back or taken off.
    pub unit_price: Money,
    /// Category of the tax rules.
    pub tax_category: String,
    /// What is taken off it.
    pub discount: Option<Discount>,
    /// Whether it is a part of the discount of the whole invoice, which became lines when it was
    /// issued.
    pub of_whole_discount: bool,
}

impl Line {
    /// A line without a discount.
    #[must_use]
    pub fn plain(
        description: String,
        quantity: Decimal,
        unit_price: Money,
        tax_category: String,
    ) -> Self {
        Self {
            description,
            quantity,
            unit_price,
            tax_category,
            discount: None,
            of_whole_discount: false,
        }
    }

    fn exact(&self) -> Result<Decimal, MoneyError> {
        self.unit_price.amount().checked_mul(self.quantity).ok_or(MoneyError::Overflow)
    }

    /// Quantity by price before its discount, rounded to the minor unit.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn before_discount(&self) -> Result<Money, MoneyError> {
        let currency = self.unit_price.currency();
        Money::new(currency, rounding::half_away(self.exact()?, currency.exponent()))
    }

    /// Quantity by price less its discount, rounded once to the minor unit.
    ///
    /// # Errors
    /// `Overflow`, `CurrencyMismatch`.
    pub fn amount(&self) -> Result<Money, MoneyError> {
        match &self.discount {
            Some(discount) => discount.leaves(self.unit_price, self.exact()?),
            None => self.before_discount(),
        }
    }

    /// What is wrong with its discount: a line below zero is a discount itself, and no line is
    /// lowered below nothing.
    #[must_use]
    pub fn discount_fault(&self) -> Option<String> {
        self.discount.as_ref()?;
        if self.unit_price.is_negative() {
            return Some(
                "A line below zero takes something off already. Remove its discount.".to_owned(),
            );
        }
        let (most, left) = (self.before_discount().ok()?, self.amount().ok()?);
        left.is_negative().then(|| format!("Take at most the line's {most} off."))
    }

    /// What its discount takes off.
    ///
    /// # Errors
    /// `Overflow`, `CurrencyMismatch`.
    pub fn taken_off(&self) -> Result<Money, MoneyError> {
        self.before_discount()?.minus(self.amount()?)
    }
}

/// What a draft says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Whether unit prices include tax.
    pub prices_include_tax: bool,
    /// When it falls due.
    pub term: PaymentTerm,
    /// What is billed.
    pub lines: Vec<Line>,
    /// What is taken off all lines; once issued it stands in lines of its own too.
    pub discount: Option<Discount>,
    /// When it was supplied, where that is not the issue date.
    pub supply_date: Option<NaiveDate>,
    /// A text for the customer.
    pub memo: String,
    /// Whether it is collected on its due date, from the collection method.
    pub collect_automatically: bool,
}
