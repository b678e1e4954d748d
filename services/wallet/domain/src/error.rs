//! The refusals of the wallet, each with its reason and figures.

use payterms_kernel::{Money, Refusal};

/// Less is available than asked.
#[must_use]
pub fn insufficient_funds(available: Money, asked: Money) -> Refusal {
    let message = format!("The wallet has {available} available, {asked} were asked. Top it up, or ask for less.");
    Refusal::precondition("INSUFFICIENT_FUNDS", message)
        .with("available", available.amount())
        .with("asked", asked.amount())
        .with("currency", asked.currency())
}

/// A lot whose kind or state does not allow the verb.
#[must_use]
pub fn lot_state(why: &str) -> Refusal {
    Refusal::precondition("LOT_STATE", why)
}

/// An instant that should lie ahead.
#[must_use]
pub fn in_past(field: &'static str) -> Refusal {
    let description = "Name an instant later than now.".to_owned();
    Refusal::invalid(vec![payterms_kernel::Violation { field: field.into(), reason: "TIME_IN_PAST", description }])
}

/// An instant too far ahead.
#[must_use]
pub fn out_of_range(field: &'static str, most: &str) -> Refusal {
    let description = format!("Name an instant at most {most} ahead.");
    Refusal::invalid(vec![payterms_kernel::Violation { field: field.into(), reason: "TIME_OUT_OF_RANGE", description }])
}
