//! What is under way for an invoice: payments that have reserved something of it, transfers that a
//! person looks at, proposals that a second person decides.

use crate::{
    announced::Announcements,
    approval::Proposal,
    explain::{Context, Fact, Topic},
    invoice::Invoice,
};
use chrono_tz::Tz;
use payterms_kernel::{Money, money::MoneyError};

/// The payments that have reserved something of it.
pub(crate) fn pending(
    invoice: &Invoice,
    zone: Tz,
    context: &Context,
) -> Result<Vec<Fact>, MoneyError> {
    let mut facts = Vec::new();
    let mut reserved = invoice.pending;
    if let Some((amount, until)) = context.transfer.filter(|_| reserved.is_positive()) {
        reserved = reserved.minus(amount.min(reserved)?)?;
        let day = until.with_timezone(&zone).date_naive();
        let sentence = format!(
            "A transfer of {} is announced for it and awaited until {day}; then what it reserved is payable again.",
            amount.grouped()
        );
        facts.push(Fact { topic: Topic::Pending, sentence, at: Some(until) });
    }
    if reserved.is_positive() {
        let sentence = format!("A payment under way has reserved {} of it.", reserved.grouped());
        facts.push(Fact { topic: Topic::Pending, sentence, at: None });
    }
    if let Some(last) = facts.last_mut() {
        last.sentence =
            format!("{} {} can be paid otherwise.", last.sentence, invoice.payable()?.grouped());
    }
    Ok(facts)
}

/// The transfers that wait for a person.
pub(crate) fn suggested(amounts: &[Money], invoice: &Invoice) -> Option<String> {
    let first = amounts.first()?;
    let came = match amounts.len() {
        1 => format!("A transfer of {} came in that may be for it", first.grouped()),
        several => format!("{several} transfers came in that may be for it"),
    };
    let waits = if invoice.top_up.is_some() { " The offer does not end before that." } else { "" };
    Some(format!(
        "{came}: a person of the tenant says whether it is, with MatchBankLine or DismissBankLine.{waits}"
    ))
}

/// What waits for a second person; nothing of what the invoice cannot take any more.
pub(crate) fn proposed(proposal: Proposal, invoice: &Invoice) -> Result<Option<Fact>, MoneyError> {
    if proposal.is_over(invoice)?.is_some() {
        return Ok(None);
    }
    let (amount, open) = (proposal.amount(), invoice.open()?);
    let (what, taken) = match proposal {
        Proposal::WriteOff(_) => ("A write-off", open),
        Proposal::CreditNote(_) => ("A credit note", amount.min(open)?),
    };
    let decide = if proposal.must_cover(open).is_err() {
        format!(
            ", but {} are open now: a second person refuses it, with DecideApproval, and it is proposed again.",
            open.grouped()
        )
    } else if invoice.payable()?.compare(taken)?.is_lt() {
        ": once the payment under way has ended, a second person approves or refuses it, with DecideApproval.".to_owned()
    } else {
        ": a second person approves or refuses it, with DecideApproval.".to_owned()
    };
    // What was proposed is the most: of a write-off only what is open is given up.
    let amount = if proposal.must_cover(open).is_err() {
        amount
    } else {
        proposal.of_what_is_open(open)?.amount()
    };
    let sentence = format!("{what} of {} is proposed{decide}", amount.grouped());
    Ok(Some(Fact { topic: Topic::State, sentence, at: None }))
}

/// What it means for reminders and collection that a transfer is announced for it.
pub(crate) fn announced(invoice: &Invoice) -> Option<&'static str> {
    match invoice.announcements {
        Announcements::Believed => None,
        Announcements::InVain => Some(
            "A transfer that was announced for it has not come as announced: announcing another puts off neither reminders nor collection.",
        ),
        Announcements::Again => Some(
            "A transfer is announced for it. One that was announced before has not come, so this one puts off neither reminders nor \
             collection.",
        ),
    }
}
