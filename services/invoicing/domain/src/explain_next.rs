//! What comes next of an invoice where no instant of anything is known.

use crate::{
    block::BlockReason,
    collection::CollectionState,
    explain::{Context, Fact, Source, Topic},
    invoice::{Invoice, InvoiceState},
};
use payterms_kernel::money::MoneyError;

/// What is to be said where no instant of anything is known.
pub(crate) fn nothing_planned(invoice: &Invoice, context: &Context) -> Result<Fact, MoneyError> {
    let fact = |topic, sentence: &str| Ok(Fact { topic, sentence: sentence.to_owned(), at: None });
    let plan = context.plan.as_ref().filter(|plan| plan.under_way);
    let plan_waits = context.source == Source::WaitsForDispute
        && context.plan.as_ref().is_some_and(|plan| plan.automatic && plan.next.is_some());
    if let Some(next) =
        plan.and_then(|plan| plan.next).filter(|_| invoice.disputed_by.is_empty() && !plan_waits)
    {
        let sentence = format!(
            "The payment plan's instalment of {} is being collected: the payment under way pays it, or the try has failed.",
            next.unpaid.grouped()
        );
        return fact(Topic::Collection, &sentence);
    }
    if invoice.collection.state == CollectionState::Processing
        || (invoice.pending.is_positive() && !invoice.payable()?.is_positive())
    {
        return fact(
            Topic::Pending,
            "The payment under way ends: it pays the invoice, or what it reserved is payable again.",
        );
    }
    match invoice.state {
        InvoiceState::Draft => {
            fact(Topic::State, "Nothing happens by itself: somebody finalises or deletes it.")
        }
        InvoiceState::Open
            if invoice.disputed_by.is_empty() && (invoice.waits_for().is_some() || plan_waits) =>
        {
            let by = if context.as_customer { "" } else { ", or with WinDispute or LoseDispute" };
            let then = "what waits is collected on the next day from the method that stands again, or tried on the second day where it is lost.";
            fact(Topic::Block, &format!("The dispute is decided by the provider{by}: {then}"))
        }
        InvoiceState::Open if !invoice.disputed_by.is_empty() && invoice.block.is_some() => {
            let in_plan =
                invoice.block.as_ref().is_some_and(|block| block.reason == BlockReason::PlanActive);
            let lost = if in_plan {
                "its payment plan goes on from the second day after a notice."
            } else if invoice.collection.state == CollectionState::Off {
                "what is open is the customer's to pay."
            } else {
                "what is open is collected on the later of its due date and the second day after a notice."
            };
            let by = if context.as_customer { "" } else { ", or with WinDispute or LoseDispute" };
            let decided =
                format!("The dispute is decided by the provider{by}: the payment stands again, or");
            fact(Topic::Block, &format!("{decided} {lost}"))
        }
        InvoiceState::Open
            if invoice
                .block
                .as_ref()
                .is_some_and(|block| block.reason == BlockReason::PlanActive) =>
        {
            fact(
                Topic::Block,
                "The payment plan says what happens next: its instalments fall due on their dates.",
            )
        }
        InvoiceState::Open if invoice.block.is_some() => fact(
            Topic::Block,
            "Nothing happens by itself until the block is lifted or the customer pays.",
        ),
        InvoiceState::Open => fact(
            Topic::Collection,
            "Nothing happens by itself: the customer pays it, or somebody of the tenant acts.",
        ),
        InvoiceState::Uncollectible => {
            fact(Topic::State, "Nothing happens by itself; a payment still reverses the write-off.")
        }
        InvoiceState::Paid | InvoiceState::Void => {
            fact(Topic::State, "Nothing: nothing of it is open.")
        }
    }
}
