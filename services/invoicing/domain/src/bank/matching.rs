//! Which invoices a line pays by itself, and what is for a person to decide
//! (docs/domain/invoicing.md#bank-lines).

use super::{Candidate, Paid, SuggestReason};
use crate::{
    customer::Customer,
    invoice::{Invoice, InvoiceState},
};
use chrono::Days;
use payterms_kernel::{Id, Money, money::MoneyError};
use std::collections::BTreeSet;

/// Percent of what is named that an account may pay that never paid before: more is a question for
/// a person.
const MOST_PERCENT_OF_UNKNOWN: i64 = 110;

/// Days before a line's effective day: what was collected since then the payer could not know when
/// the transfer was made.
pub const UNKNOWN_TO_PAYER: Days = Days::new(10);

/// How far a tenant's lines are matched without a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Automation {
    /// None is.
    Off,
    /// Those that name invoices and come to what is open of them.
    ReferenceAndAmount,
    /// Those that name invoices.
    Reference,
}

payterms_kernel::names! {
    /// The name, as in the contract.
    Automation { Off = "OFF", ReferenceAndAmount = "REFERENCE_AND_AMOUNT", Reference = "REFERENCE" }
}

/// What a line says, and what is known about its payer.
#[derive(Debug)]
pub struct Named<'a> {
    /// What has arrived.
    pub amount: Money,
    /// The invoices that it names, in its currency.
    pub invoices: Vec<&'a Invoice>,
    /// The amounts that the payer stated for some of them.
    pub stated: Vec<Paid>,
    /// The customers whose invoices the payer's account paid before, by a match that a person or
    /// the rules confirmed.
    pub paid_before_for: &'a BTreeSet<Id<Customer>>,
    /// What of them was paid by itself from the collection method so short a time before it, or
    /// after it, that the payer could not know.
    pub collected_meanwhile: Vec<(Id<Invoice>, Money)>,
    /// Whether it is a part of a batch whose parts do not come to what was booked.
    pub parts_differ: bool,
}

/// What the rules say of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evaluation {
    /// It names no invoice that we know.
    Nothing,
    /// It pays these, the oldest due first.
    Pays {
        /// Whose they are.
        customer: Id<Customer>,
        /// What it pays.
        pays: Vec<Paid>,
    },
    /// A person decides.
    Suggests {
        /// What it names.
        candidates: Vec<Candidate>,
        /// Why a person decides: every reason that holds.
        reasons: Vec<SuggestReason>,
    },
}

/// Invoices in the order in which money goes to them.
pub(super) fn oldest_due_first<'a>(invoices: &[&'a Invoice]) -> Vec<&'a Invoice> {
    let mut ordered = invoices.to_vec();
    ordered.sort_by_key(|invoice| {
        invoice.issue.as_ref().map(|issue| (issue.due_date, issue.number.clone()))
    });
    ordered.dedup_by_key(|invoice| invoice.id);
    ordered
}

/// Evaluates a line.
///
/// # Errors
/// None that stored amounts can cause.
pub fn evaluate(named: &Named<'_>, automation: Automation) -> Result<Evaluation, MoneyError> {
    let invoices = oldest_due_first(&named.invoices);
    let Some(customer) = invoices.first().map(|invoice| invoice.customer) else {
        return Ok(Evaluation::Nothing);
    };
    let reasons = reasons(named, &invoices, automation)?;
    if !reasons.is_empty() {
        let candidates = invoices
            .iter()
            .map(|invoice| Candidate { invoice: invoice.id, customer: invoice.customer })
            .collect();
        return Ok(Evaluation::Suggests { candidates, reasons });
    }
    let stated = |invoice: &Invoice| {
        named.stated.iter().find(|paid| paid.invoice == invoice.id).and_then(|paid| paid.stated)
    };
    let pays = invoices
        .iter()
        .map(|invoice| Paid { invoice: invoice.id, stated: stated(invoice) })
        .collect();
    Ok(Evaluation::Pays { customer, pays })
}

fn reasons(
    named: &Named<'_>,
    invoices: &[&Invoice],
    automation: Automation,
) -> Result<Vec<SuggestReason>, MoneyError> {
    let customers: BTreeSet<_> = invoices.iter().map(|invoice| invoice.customer).collect();
    let mut open = Money::zero(named.amount.currency());
    // What was collected meanwhile is what the payer means to pay: it becomes credit.
    let collected = |invoice: &Invoice| {
        named
            .collected_meanwhile
            .iter()
            .find(|(id, _)| *id == invoice.id && invoice.state == InvoiceState::Paid)
    };
    for (_, amount) in invoices.iter().filter_map(|invoice| collected(invoice)) {
        open = open.plus(*amount)?;
    }
    for invoice in invoices {
        // What a payment under way has reserved is still what is named: both may be the same money.
        open = open.plus(invoice.open()?.plus(invoice.written_off)?)?;
    }
    let takes = |invoice: &Invoice| {
        matches!(invoice.state, InvoiceState::Open | InvoiceState::Uncollectible)
            || collected(invoice).is_some()
    };
    let all_take = invoices.iter().all(|invoice| takes(invoice));
    let is_known = !named.paid_before_for.is_empty();
    let is_top_up = |invoice: &&Invoice| invoice.top_up.is_some();
    let mut stated = Money::zero(named.amount.currency());
    let mut stated_too_much = false;
    for (invoice, amount) in
        named.stated.iter().filter_map(|paid| Some((paid.invoice, paid.stated?)))
    {
        stated = stated.plus(amount)?;
        let invoice = invoices.iter().find(|other| other.id == invoice);
        stated_too_much |= match invoice {
            Some(invoice) => collected(invoice)
                .map_or_else(|| invoice.collectable(), |(_, amount)| Ok(*amount))?
                .compare(amount)?
                .is_lt(),
            None => false,
        };
    }
    let holds = [
        (SuggestReason::InvoiceNotOpen, !all_take),
        (SuggestReason::SeveralCustomers, customers.len() > 1),
        (SuggestReason::OtherPayer, is_known && customers.is_disjoint(named.paid_before_for)),
        (SuggestReason::AmountAboveNamed, all_take && !is_known && is_above(named.amount, open)),
        (
            SuggestReason::AmountDiffers,
            automation == Automation::ReferenceAndAmount && named.amount != open,
        ),
        (SuggestReason::AutomationOff, automation == Automation::Off),
        (SuggestReason::TopUpAmongOthers, invoices.len() > 1 && invoices.iter().any(is_top_up)),
        (SuggestReason::StatedAmount, stated_too_much || stated.compare(named.amount)?.is_gt()),
        (SuggestReason::PartsDiffer, named.parts_differ),
    ];
    Ok(holds.into_iter().filter(|(_, holds)| *holds).map(|(reason, _)| reason).collect())
}

fn is_above(amount: Money, named: Money) -> bool {
    let percent =
        |micros: i64, percent: i64| i128::from(micros).saturating_mul(i128::from(percent));
    percent(amount.micros(), 100) > percent(named.micros(), MOST_PERCENT_OF_UNKNOWN)
}
