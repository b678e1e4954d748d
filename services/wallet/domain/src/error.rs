//! The refusals of the wallet, each with its reason and figures.

use payterms_kernel::{Money, Reason, Refusal};

/// Less is available than requested.
#[must_use]
pub fn insufficient_funds(available: Money, requested: Money) -> Refusal {
    let message = format!(
        "The wallet has {available} available, {requested} were asked. Top it up, or ask for less."
    );
    Refusal::precondition(Reason::INSUFFICIENT_FUNDS, message)
        .with("available", available.amount())
        .with("asked", requested.amount())
        .with("currency", requested.currency())
}

/// A lot whose kind or state does not allow the verb.
#[must_use]
pub fn lot_state(why: &str) -> Refusal {
    Refusal::precondition(Reason::LOT_STATE, why)
}

/// An instant that must be in the future.
#[must_use]
pub fn in_past(field: &'static str) -> Refusal {
    let description = "Name an instant later than now.".to_owned();
    Refusal::invalid(vec![payterms_kernel::Violation {
        field: field.into(),
        reason: Reason::TIME_IN_PAST,
        description,
    }])
}

/// An instant too far ahead.
#[must_use]
pub fn out_of_range(field: &'static str, most: &str) -> Refusal {
    let description = format!("Name an instant at most {most} ahead.");
    Refusal::invalid(vec![payterms_kernel::Violation {
        field: field.into(),
        reason: Reason::TIME_OUT_OF_RANGE,
        description,
    }])
}
