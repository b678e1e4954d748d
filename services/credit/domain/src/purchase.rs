//! Purchases on a line without an invoice: what is sold is known when it is authorised, with its
//! tax, so that nothing can keep its invoice from being made (docs/domain/credit.md#purchase).
//!
//! Prices include tax: what is authorised is what the invoice comes to, whatever the tax is.

use crate::{
    draw::{Draw, DrawState, Entry, InPlan, limit_exceeded},
    line::Line,
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use payterms_kernel::{Condition, IdSource, Money, Reason, Refusal, Violation, money::MoneyError};
use rust_decimal::Decimal;

/// How long a purchase is reserved where the caller does not say.
pub const DEFAULT_DAYS: i64 = 7;
/// How long it may be.
pub const MOST_DAYS: i64 = 90;

/// The tax of one rule of the tenant's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRule {
    /// The customer's country.
    pub country: String,
    /// What is sold; empty: the standard category.
    pub category: String,
    /// Whether it is for customers with a tax number.
    pub with_tax_id: bool,
    /// In percent.
    pub rate_percent: Decimal,
    /// What documents say about it.
    pub sentence: String,
}

/// What is known of a customer that decides on its invoices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buyer {
    /// Where it is taxed.
    pub country: String,
    /// Whether it has a tax number.
    pub has_tax_id: bool,
    /// What its profile lacks.
    pub lacking: Vec<String>,
}

impl Buyer {
    /// The rule for a category: that of customers with a tax number comes first for those who have
    /// one.
    #[must_use]
    pub fn rule<'a>(&self, rules: &'a [TaxRule], category: &str) -> Option<&'a TaxRule> {
        let fitting = || {
            rules.iter().filter(|rule| rule.country == self.country && rule.category == category)
        };
        fitting()
            .find(|rule| rule.with_tax_id && self.has_tax_id)
            .or_else(|| fitting().find(|rule| !rule.with_tax_id))
    }

    fn must_be_complete(&self) -> Result<(), Refusal> {
        if self.lacking.is_empty() {
            return Ok(());
        }
        let condition = |name: &String| Condition {
            name: Reason::PROFILE_INCOMPLETE.name(),
            subject: name.clone(),
            description: format!("Complete {name} in the customer's profile."),
        };
        let message =
            format!("The customer's profile lacks {}. Complete it first.", self.lacking.join(", "));
        let refusal = Refusal::precondition(Reason::PROFILE_INCOMPLETE, message)
            .with("missing", self.lacking.join(","));
        Err(refusal.with_conditions(self.lacking.iter().map(condition).collect()))
    }
}

/// One thing that is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What.
    pub description: String,
    /// How many.
    pub quantity: Decimal,
    /// Price of one with tax, at most six decimals.
    pub unit_price: Money,
    /// Category of the tax rules.
    pub tax_category: String,
}

impl Item {
    /// So many by price, rounded once to the minor unit, as an invoice does.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn amount_of(&self, quantity: Decimal) -> Result<Money, MoneyError> {
        let exact = self.unit_price.amount().checked_mul(quantity).ok_or(MoneyError::Overflow)?;
        let currency = self.unit_price.currency();
        Money::new(currency, payterms_kernel::rounding::half_away(exact, currency.exponent()))
    }
}

/// One thing that is sold, with its tax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    /// What is sold.
    pub item: Item,
    /// In percent, as it was when it was authorised.
    pub rate_percent: Decimal,
    /// What documents say about it.
    pub sentence: String,
    /// How many were captured.
    pub captured: Decimal,
}

/// What a draw without a payment sells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// What is sold.
    pub lines: Vec<Sold>,
    /// What for.
    pub description: String,
    /// Whether its invoice is collected on its due date.
    pub collect_automatically: bool,
    /// Whether its invoice may be paid in a plan; known when it is captured.
    pub plans_allowed: bool,
    /// When it is released by itself.
    pub expires_at: DateTime<Utc>,
}

/// What is to be authorised.
#[derive(Debug, Clone)]
pub struct PurchaseRequest {
    /// What is sold.
    pub items: Vec<Item>,
    /// What for.
    pub description: String,
    /// Whether its invoice is collected on its due date.
    pub collect_automatically: bool,
    /// When it is released by itself; none: after the usual days.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A line of a purchase by its place, and how many of it are captured; none: all.
pub type Part = (usize, Option<Decimal>);

impl PurchaseRequest {
    fn expires(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>, Refusal> {
        let at = self.expires_at.unwrap_or_else(|| now + TimeDelta::days(DEFAULT_DAYS));
        if at <= now {
            return Err(wrong(
                "expire_time".to_owned(),
                Reason::TIME_IN_PAST,
                "Name an instant later than now.",
            ));
        }
        if at > now + TimeDelta::days(MOST_DAYS) {
            return Err(wrong(
                "expire_time".to_owned(),
                Reason::TIME_OUT_OF_RANGE,
                "Name an instant at most 90 days ahead.",
            ));
        }
        Ok(at)
    }
}

fn wrong(field: String, reason: Reason, description: &str) -> Refusal {
    Refusal::invalid(vec![Violation { field, reason, description: description.to_owned() }])
}

fn must_come_to_something(amount: Money) -> Result<(), Refusal> {
    if amount.is_positive() {
        return Ok(());
    }
    Err(Refusal::precondition(
        Reason::INVOICE_EMPTY,
        "The lines come to nothing. Bill at least one minor unit.",
    ))
}

impl Draw {
    /// What it sells, while it stands.
    fn standing(&mut self, now: DateTime<Utc>) -> Result<&mut Purchase, Refusal> {
        let Some(purchase) = &mut self.purchase else {
            let message = "The draw is for a payment of invoices, and only that payment ends it.";
            return Err(Refusal::precondition(Reason::HOLD_OWNER, message));
        };
        let over = self.state == DrawState::Authorized && purchase.expires_at <= now;
        let state = if over { DrawState::Expired } else { self.state };
        if state == DrawState::Authorized {
            return Ok(purchase);
        }
        Err(Refusal::state(Reason::DRAW_STATE, "The draw", state.name(), &[]))
    }

    /// Refuses the verbs of payments for a purchase.
    ///
    /// # Errors
    /// `HOLD_OWNER`.
    pub fn must_be_of_payment(&self) -> Result<(), Refusal> {
        if self.purchase.is_none() {
            return Ok(());
        }
        Err(Refusal::precondition(
            Reason::HOLD_OWNER,
            "The draw is a purchase without an invoice, and no payment ends it.",
        ))
    }

    /// When it is released by itself; none: it is not.
    #[must_use]
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.purchase
            .as_ref()
            .filter(|_| self.state == DrawState::Authorized)
            .map(|purchase| purchase.expires_at)
    }
}

impl Line {
    /// Reserves what a purchase comes to, and refuses all that could keep its invoice from being
    /// made.
    ///
    /// # Errors
    /// `LINE_STATE`, `INVOICE_IN_PLAN`, `CURRENCY_MISMATCH`, `PROFILE_INCOMPLETE`, `TAX_UNKNOWN`,
    /// `INVOICE_EMPTY`, `CREDIT_LIMIT_EXCEEDED`, `TIME_IN_PAST`, `TIME_OUT_OF_RANGE`.
    pub fn purchase(
        &mut self,
        ids: &mut IdSource,
        request: &PurchaseRequest,
        (buyer, rules): (&Buyer, &[TaxRule]),
        (cap, in_plan): (Money, Option<&InPlan>),
        now: DateTime<Utc>,
    ) -> Result<(Draw, Entry), Refusal> {
        let expires_at = request.expires(now)?;
        let mut against = self.bars(in_plan);
        let zero = Money::zero(self.currency());
        let (mut lines, mut amount) = (Vec::with_capacity(request.items.len()), zero);
        for item in &request.items {
            let currency = item.unit_price.currency();
            if currency != self.currency() {
                return Err(MoneyError::WrongCurrency(currency, self.currency()).into());
            }
            amount = amount.plus(item.amount_of(item.quantity)?)?;
        }
        against.extend(buyer.must_be_complete().err());
        for item in &request.items {
            let Some(rule) = buyer.rule(rules, &item.tax_category) else {
                against.push(Refusal::tax_unknown(&buyer.country, &item.tax_category, false));
                continue;
            };
            let (rate_percent, sentence) = (rule.rate_percent, rule.sentence.clone());
            lines.push(Sold {
                item: item.clone(),
                rate_percent,
                sentence,
                captured: Decimal::ZERO,
            });
        }
        against.extend(must_come_to_something(amount).err());
        let (description, collect_automatically) =
            (request.description.clone(), request.collect_automatically);
        let purchase = Purchase {
            lines,
            description,
            collect_automatically,
            plans_allowed: false,
            expires_at,
        };
        let (bound, available) = (self.limit.min(cap)?, self.drawable(cap)?);
        if available.compare(amount)?.is_lt() {
            against.push(limit_exceeded(available, amount));
        }
        if let Some(refusal) = Refusal::all(against) {
            return Err(refusal);
        }
        let draw = Draw { purchase: Some(purchase), ..Draw::authorized(ids.make(), amount, now) };
        let entry = self.entry(draw.id, amount, zero, zero, now)?;
        Ok((draw, Entry { bound, ..entry }))
    }

    /// All or some of a purchase becomes owed, and has an invoice from now on; the rest is
    /// released. A suspended, inactive or lowered line captures what stands.
    ///
    /// # Errors
    /// `HOLD_OWNER`, `DRAW_STATE`, `FIELD_OUT_OF_RANGE` beyond what was authorised,
    /// `INVOICE_EMPTY`.
    pub fn capture_purchase(
        &mut self,
        draw: &mut Draw,
        ids: &mut IdSource,
        parts: &[Part],
        plans_allowed: bool,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Entry, Refusal> {
        let purchase = draw.standing(now)?;
        let mut captured = Money::zero(self.currency());
        let all: Vec<Part> = (0..purchase.lines.len()).map(|place| (place, None)).collect();
        let parts = if parts.is_empty() { &all } else { parts };
        for (at, (place, quantity)) in parts.iter().enumerate() {
            let Some(sold) = purchase.lines.get_mut(*place) else {
                return Err(wrong(
                    format!("lines[{at}].place"),
                    Reason::FIELD_OUT_OF_RANGE,
                    "Name a line of the draw by its place.",
                ));
            };
            sold.captured = quantity.unwrap_or(sold.item.quantity);
            if sold.captured > sold.item.quantity {
                return Err(wrong(
                    format!("lines[{at}].quantity"),
                    Reason::FIELD_OUT_OF_RANGE,
                    "Capture at most what was authorised.",
                ));
            }
            captured = captured.plus(sold.item.amount_of(sold.captured)?)?;
        }
        must_come_to_something(captured)?;
        purchase.plans_allowed = plans_allowed;
        draw.invoice = Some(ids.make());
        self.owe(draw, captured, today, now)
    }

    /// Releases a purchase.
    ///
    /// # Errors
    /// `HOLD_OWNER`, `DRAW_STATE`.
    pub fn void_purchase(&mut self, draw: &mut Draw, now: DateTime<Utc>) -> Result<Entry, Refusal> {
        draw.standing(now)?;
        self.release(draw, DrawState::Voided, now)
    }

    /// Releases a purchase whose time is over; none if there is nothing to do.
    pub fn expire(
        &mut self,
        draw: &mut Draw,
        now: DateTime<Utc>,
    ) -> Result<Option<Entry>, Refusal> {
        if draw.expires_at().is_none_or(|at| at > now) {
            return Ok(None);
        }
        self.release(draw, DrawState::Expired, now).map(Some)
    }
}
