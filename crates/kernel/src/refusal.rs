//! Refusals: why the suite will not carry out a request, and what the caller can do about it.

use crate::Reason;
use crate::money::MoneyError;

/// How many violations the message spells out. The structured list is complete; the cap only keeps
/// the sentence readable.
const MAX_VIOLATIONS_IN_MESSAGE: usize = 10;

/// What the caller should do next; the transport maps each to one status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is wrong: change it.
    Invalid,
    /// The state does not allow it: change the state first.
    Precondition,
    /// There is no such resource, or the caller may not see it.
    NotFound,
    /// Another resource already has the requested name or value.
    AlreadyExists,
    /// The caller may not do this.
    Denied,
    /// Something changed meanwhile: read again and retry.
    Conflict,
    /// A rate or quota is used up: wait and retry.
    Exhausted,
    /// A component that the request needs does not answer: retry later.
    Unavailable,
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the request, such as `top_up.amount`.
    pub field: String,
    /// One reason of the closed list of docs/errors.md.
    pub reason: Reason,
    /// What is wrong and what would be right.
    pub description: String,
}

/// One condition of the state that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// A stable name, such as `PROVIDER_NOT_CONNECTED`.
    pub name: &'static str,
    /// What the condition is about.
    pub subject: String,
    /// What to do so that it holds.
    pub description: String,
}

/// An answer of "no", whole: one reason, figures, and *all* that is wrong at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What the caller should do next.
    pub kind: Kind,
    /// One reason of the closed list of docs/errors.md.
    pub reason: Reason,
    /// A sentence that says what to do.
    pub message: String,
    /// The figures: names and values for programs.
    pub metadata: Vec<(&'static str, String)>,
    /// Fields that are wrong, all of them.
    pub violations: Vec<Violation>,
    /// Conditions that do not hold, all of them.
    pub conditions: Vec<Condition>,
}

impl Refusal {
    /// A refusal without details.
    #[must_use]
    pub fn new(kind: Kind, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            kind,
            reason,
            message: message.into(),
            metadata: Vec::new(),
            violations: Vec::new(),
            conditions: Vec::new(),
        }
    }

    /// The resource's state does not allow the request.
    #[must_use]
    pub fn precondition(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Kind::Precondition, reason, message)
    }

    /// No such resource, or none that the caller may see. Both give the same answer, so that nobody
    /// can probe for names.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(
            Kind::NotFound,
            Reason::RESOURCE_NOT_FOUND,
            "There is no such resource. Check the name.",
        )
    }

    /// No tax rule of the tenant fits, so no document could be made. `needs_number`: one fits
    /// customers with a verified tax number.
    #[must_use]
    pub fn tax_unknown(country: &str, category: &str, needs_number: bool) -> Self {
        let number = if needs_number {
            ", verify the customer's tax number with VerifyTaxNumber"
        } else {
            ""
        };
        let message = format!(
            "There is no tax rule for {country} and category {category:?}. Add one to tenant.tax_rules with UpdateTenant{number}, or \
             correct customer.country with UpdateCustomer."
        );
        let refusal = Self::precondition(Reason::TAX_UNKNOWN, message)
            .with("country", country)
            .with("category", category);
        refusal.with("verb", "UpdateTenant").with("field", "tenant.tax_rules")
    }

    /// A refusal for invalid fields. It takes the reason of the first one.
    #[must_use]
    pub fn invalid(violations: Vec<Violation>) -> Self {
        let reason = violations.first().map_or(Reason::FIELD_REQUIRED, |first| first.reason);
        let mut text: Vec<_> = violations
            .iter()
            .take(MAX_VIOLATIONS_IN_MESSAGE)
            .map(|v| format!("{}: {}", v.field, v.description))
            .collect();
        if violations.len() > MAX_VIOLATIONS_IN_MESSAGE {
            text.push(format!(
                "And {} more.",
                violations.len().saturating_sub(MAX_VIOLATIONS_IN_MESSAGE)
            ));
        }
        Self { violations, ..Self::new(Kind::Invalid, reason, text.join(" ")) }
    }

    /// Adds a figure.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "a figure is handed over")]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.metadata.push((name, value.to_string()));
        self
    }

    /// Adds the conditions that do not hold.
    #[must_use]
    pub fn with_conditions(mut self, conditions: Vec<Condition>) -> Self {
        self.conditions = conditions;
        self
    }

    /// Merges several refusals: kind and reason of the first, messages, figures and conditions of
    /// all. `None` if the list is empty.
    #[must_use]
    pub fn all(refusals: Vec<Self>) -> Option<Self> {
        if refusals.len() < 2 {
            return refusals.into_iter().next();
        }
        let message = refusals
            .iter()
            .take(10)
            .map(|refusal| refusal.message.as_str())
            .collect::<Vec<_>>()
            .join(" ");
        let mut conditions = Vec::new();
        for refusal in &refusals {
            let plain = Condition {
                name: refusal.reason.name(),
                subject: String::new(),
                description: refusal.message.clone(),
            };
            conditions.extend(if refusal.conditions.is_empty() {
                vec![plain]
            } else {
                refusal.conditions.clone()
            });
        }
        let mut refusals = refusals.into_iter();
        let mut first = refusals.next()?;
        for refusal in refusals {
            // A name occurs once in the answer's metadata. Where two refusals give the same figure,
            // the first one counts.
            let names: Vec<_> = first.metadata.iter().map(|(name, _)| *name).collect();
            first
                .metadata
                .extend(refusal.metadata.into_iter().filter(|(name, _)| !names.contains(name)));
        }
        Some(Self { message, conditions, ..first })
    }

    /// A transition that the state machine does not have. The refusal names the state and the
    /// actions allowed in it.
    #[must_use]
    pub fn state(reason: Reason, subject: &str, state: &str, allowed: &[&str]) -> Self {
        let allowed =
            if allowed.is_empty() { "nothing more".to_owned() } else { allowed.join(", ") };
        let message = format!("{subject} is {state}. Allowed now: {allowed}.");
        let condition = Condition {
            name: reason.name(),
            subject: subject.to_owned(),
            description: message.clone(),
        };
        Self::precondition(reason, message)
            .with("state", state)
            .with("allowed", allowed)
            .with_conditions(vec![condition])
    }
}

impl From<MoneyError> for Refusal {
    /// Every arithmetic error becomes a refusal, so no caller has to handle sums out of range or
    /// mixed currencies itself.
    fn from(error: MoneyError) -> Self {
        match error {
            // Arithmetic does not know which of the two is wrong.
            MoneyError::CurrencyMismatch(one, other) => {
                let message = format!(
                    "Amounts in {one} and {other} do not go together. Use the currency of the invoice or wallet for all."
                );
                Self::precondition(Reason::CURRENCY_MISMATCH, message)
            }
            MoneyError::WrongCurrency(given, expected) => Self::precondition(
                Reason::CURRENCY_MISMATCH,
                format!("The amount is in {given}; use {expected}."),
            )
            .with("currency", expected),
            MoneyError::Overflow => Self::precondition(
                Reason::BALANCE_OVERFLOW,
                "The balance would leave the range that the ledger holds. Use a smaller amount.",
            ),
            MoneyError::Precision(decimals) => Self::new(
                Kind::Invalid,
                Reason::AMOUNT_PRECISION,
                format!("Use at most {decimals} digits after the point."),
            ),
            MoneyError::Malformed => Self::new(
                Kind::Invalid,
                Reason::AMOUNT_MALFORMED,
                "Write a plain decimal number such as 12.50.",
            ),
        }
    }
}
