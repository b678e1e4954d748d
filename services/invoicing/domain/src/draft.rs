//! Drafts: what they come to by today's rules, how they change, and how they are issued
//! (docs/domain/invoicing.md#draft-as-of-now).

use crate::{
    customer::Customer,
    discount::Discount,
    invoice::{Content, Invoice, InvoiceState, Line},
    number::Series,
    tax::{self, Amounts, Rate},
    tenant::Tenant,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{
    Condition, Currency, Marks, Money, Reason, Refusal, money::MoneyError, split,
};
use rust_decimal::Decimal;

/// Why a draft cannot be issued as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The reason, such as `TAX_UNKNOWN`.
    pub reason: Reason,
    /// A sentence that says what to do.
    pub sentence: String,
}

/// What a draft comes to, and how the discount of the whole lies on its rates.
#[derive(Debug)]
pub(crate) struct Reckoned {
    /// The amounts, after all discounts.
    pub(crate) amounts: Amounts,
    /// What each rate bears of the discount of the whole: above zero.
    shares: Vec<Share>,
}

#[derive(Debug)]
struct Share {
    rate: Rate,
    /// The category of the rate's first line.
    category: String,
    amount: Money,
}

/// Says what a line of a discount is called: the discount, and the rate in percent where lines are
/// of several rates.
pub type NameDiscount<'a> = &'a dyn Fn(&Discount, Option<Decimal>) -> String;

impl Invoice {
    /// Computes a draft anew with the current tax rules, and stores why where it cannot be issued.
    /// An issued invoice is not changed.
    pub fn bring_up_to_date(&mut self, tenant: &Tenant, customer: &Customer) {
        if self.state != InvoiceState::Draft {
            return;
        }
        let zero = Money::zero(self.currency);
        match reckon(tenant, customer, self.currency, &self.content) {
            Ok(reckoned) => (self.amounts, self.problem) = (reckoned.amounts, None),
            Err(refusal) => {
                self.amounts = Amounts { taxes: Vec::new(), net: zero, total: zero };
                self.problem = Some(Problem { reason: refusal.reason, sentence: refusal.message });
            }
        }
    }

    /// What the discount of the whole takes off the lines.
    ///
    /// # Errors
    /// None that stored amounts can cause; `CurrencyMismatch` for a draft with a problem.
    pub fn whole_discount(&self) -> Result<Money, MoneyError> {
        let lines = self.content.lines.iter().filter(|line| !line.of_whole_discount);
        let sum = lines
            .map(Line::amount)
            .try_fold(Money::zero(self.currency), |sum, amount| sum.plus(amount?))?;
        self.content
            .discount
            .as_ref()
            .map_or(Ok(Money::zero(self.currency)), |discount| discount.taken_off(sum))
    }

    /// Changes what a draft says.
    ///
    /// # Errors
    /// `INVOICE_STATE`, and those of [`Invoice::draft`].
    pub fn rewrite(
        &mut self,
        tenant: &Tenant,
        customer: &Customer,
        content: Content,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.must_be(&[InvoiceState::Draft])?;
        self.amounts = reckon(tenant, customer, self.currency, &content)?.amounts;
        (self.content, self.problem) = (content, None);
        self.touch(now);
        Ok(())
    }

    /// Gives it an own id of the tenant's and labels, in any state.
    pub fn mark(&mut self, marks: Marks, now: DateTime<Utc>) {
        if self.marks != marks {
            self.marks = marks;
            self.touch(now);
        }
    }

    /// Issues a draft: number, dates, tax and parties are fixed from now on. A discount of the
    /// whole becomes one line for each rate.
    ///
    /// # Errors
    /// `INVOICE_STATE`, `PROFILE_INCOMPLETE`, and those of [`Invoice::draft`].
    pub fn finalize(
        &mut self,
        tenant: &Tenant,
        customer: &Customer,
        name_discount: NameDiscount<'_>,
        series: &mut Series,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.must_be(&[InvoiceState::Draft])?;
        customer.must_have_billing_profile()?;
        let reckoned = reckon(tenant, customer, self.currency, &self.content)?;
        if let Some(discount) = &self.content.discount {
            let several = reckoned.shares.len() > 1;
            let line = |share: &Share| Line {
                of_whole_discount: true,
                ..Line::plain(
                    name_discount(discount, Some(share.rate.percent).filter(|_| several)),
                    Decimal::ONE,
                    share.amount.negated(),
                    share.category.clone(),
                )
            };
            let lines: Vec<_> = reckoned.shares.iter().map(line).collect();
            self.content.lines.extend(lines);
        }
        (self.amounts, self.problem) = (reckoned.amounts, None);
        self.issue_to(tenant, customer.party(), series, today, now);
        Ok(())
    }
}

/// What a draft comes to by the rules that hold now.
///
/// # Errors
/// `TAX_UNKNOWN`, `INVOICE_BELOW_ZERO`, `INVOICE_EMPTY`, `CURRENCY_MISMATCH`, `BALANCE_OVERFLOW`.
pub(crate) fn reckon(
    tenant: &Tenant,
    customer: &Customer,
    currency: Currency,
    content: &Content,
) -> Result<Reckoned, Refusal> {
    let (mut lines, categories) = rated(tenant, customer, content)?;
    let mut anything = false;
    for line in &content.lines {
        anything |= !line.before_discount()?.is_zero();
    }
    if !anything {
        return Err(Refusal::precondition(
            Reason::INVOICE_EMPTY,
            "The lines come to nothing. Bill at least one minor unit.",
        ));
    }
    let sums = tax::sums(currency, &lines)?;
    let sum = sums.iter().try_fold(Money::zero(currency), |sum, (_, amount)| sum.plus(*amount))?;
    let off = content.discount.as_ref().map(|discount| discount.taken_off(sum)).transpose()?;
    must_not_be_below_zero(&sums, sum, off)?;
    let mut shares = Vec::new();
    if let Some(off) = off.filter(|off| off.is_positive()) {
        let weights: Vec<_> = sums.iter().map(|(_, amount)| amount.amount()).collect();
        for ((rate, _), amount) in sums.iter().zip(split::by_weight(off, &weights)?) {
            let first = lines
                .iter()
                .position(|(_, each)| each == rate)
                .and_then(|place| categories.get(place));
            if amount.is_positive() {
                shares.push(Share {
                    rate: rate.clone(),
                    category: first.cloned().unwrap_or_default(),
                    amount,
                });
            }
        }
    }
    lines.extend(shares.iter().map(|share| (share.amount.negated(), share.rate.clone())));
    Ok(Reckoned { amounts: tax::amounts(currency, content.prices_include_tax, &lines)?, shares })
}

/// Amounts after their discounts, each with its rate.
type Rated = Vec<(Money, Rate)>;

/// The lines with their rates, and the category of each; every category without a rule is named.
fn rated(
    tenant: &Tenant,
    customer: &Customer,
    content: &Content,
) -> Result<(Rated, Vec<String>), Refusal> {
    let (mut lines, mut categories, mut missing) = (Vec::new(), Vec::new(), Vec::<&str>::new());
    for line in &content.lines {
        match tenant.tax_rule(customer, &line.tax_category) {
            Some(rule) => lines.push((
                line.amount()?,
                Rate { percent: rule.rate_percent, sentence: rule.sentence.clone() },
            )),
            None if missing.contains(&line.tax_category.as_str()) => {}
            None => missing.push(&line.tax_category),
        }
        categories.push(line.tax_category.clone());
    }
    let refusals = missing.iter().map(|category| {
        let other = tenant.tax_rules.iter().any(|rule| {
            rule.with_tax_id && rule.country == customer.country && rule.category == *category
        });
        Refusal::tax_unknown(&customer.country, category, other)
    });
    match Refusal::all(refusals.collect()) {
        Some(refusal) => Err(refusal),
        None => Ok((lines, categories)),
    }
}

/// Neither the lines of a rate nor all of them may come to less than nothing, before or after the
/// discount of the whole (docs/domain/invoicing.md#not-below-zero).
fn must_not_be_below_zero(
    sums: &[(Rate, Money)],
    sum: Money,
    off: Option<Money>,
) -> Result<(), Refusal> {
    let condition = |subject: String, description: String| Condition {
        name: Reason::INVOICE_BELOW_ZERO.name(),
        subject,
        description,
    };
    let mut conditions = Vec::new();
    for (rate, amount) in sums.iter().filter(|(_, amount)| amount.is_negative()) {
        let percent = rate.percent.normalize();
        let sentence = format!(
            "The lines taxed at {percent} % come to {amount}. Take less off them, or bill more at this rate."
        );
        conditions.push(condition(format!("rates/{percent}"), sentence));
    }
    if sum.is_negative() {
        conditions.push(condition(
            "lines".to_owned(),
            format!("All lines come to {sum}. Give the rest back by a credit note."),
        ));
    }
    if let Some(off) = off.filter(|off| off.amount() > sum.amount().max(Decimal::ZERO)) {
        conditions.push(condition(
            "discount".to_owned(),
            format!("The discount of {off} is more than the lines' {sum}. Take at most that off."),
        ));
    }
    if conditions.is_empty() {
        return Ok(());
    }
    let message = conditions
        .iter()
        .take(10)
        .map(|condition| condition.description.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    Err(Refusal::precondition(Reason::INVOICE_BELOW_ZERO, message)
        .with("lines", sum.amount())
        .with_conditions(conditions))
}

#[cfg(test)]
#[path = "draft_tests.rs"]
mod tests;
