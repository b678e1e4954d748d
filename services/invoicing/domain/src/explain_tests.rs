//! What is said of an invoice.

use super::{Calendar, Context, Explanation, Source, Topic, explain};
use crate::{
    announced::Announcements,
    approval::Proposal,
    block::{Block, BlockReason},
    collection::CollectionState,
    invoice::InvoiceState,
    payment::tests::invoices,
};
use chrono::{DateTime, NaiveDate};
use payterms_kernel::{Currency, Money, calendar::start_of_day};

pub(super) const DECLINED: Context = Context {
    failure: "the card was declined by its bank",
    source: Source::Method,
    plan: None,
    transfer: None,
    suggested: Vec::new(),
    is_suggested: false,
    proposed: Vec::new(),
    as_customer: false,
};

pub(super) fn on(day: &str) -> Calendar<'static> {
    let (zone, today) = (chrono_tz::Tz::Australia__Sydney, day.parse().unwrap());
    Calendar { reminder_days: &[3], zone, today, now: start_of_day(zone, today) }
}

#[test]
fn it_says_how_late_it_is_who_lifts_the_block_and_what_comes_next() {
    let mut invoice = invoices(&[100]).remove(0);
    let due: NaiveDate = invoice.issue.as_ref().unwrap().due_date;
    let late = Calendar { today: due.succ_opt().unwrap(), ..on("2026-01-01") };
    let explanation = explain(&invoice, late, &DECLINED).unwrap();
    assert_eq!(
        explanation.facts[1].sentence,
        format!("It was due on {due} and is past due by 1 day.")
    );
    assert_eq!(explanation.next.topic, Topic::Reminder, "{:?}", explanation.next);
    invoice.collection.state = CollectionState::Scheduled;
    invoice.collection.next_at = Some(DateTime::UNIX_EPOCH);
    invoice.collection.ladder.attempts = 1;
    invoice.collection.reason = "card_declined".into();
    let explanation = explain(&invoice, late, &DECLINED).unwrap();
    assert_eq!(
        explanation.next.sentence,
        "One try has failed: the card was declined by its bank. It is tried again on 1970-01-01."
    );
    invoice.announcements = Announcements::Again;
    let explanation = explain(&invoice, late, &DECLINED).unwrap();
    assert!(
        explanation.facts[2].topic == Topic::Pending
            && explanation.facts[2].sentence.contains("neither reminders nor collection"),
        "{explanation:?}"
    );
    invoice.announcements = Announcements::Believed;
    invoice.block = Some(Block {
        reason: BlockReason::PlanActive,
        owner: "tenants/acme/plan".into(),
        since: due,
    });
    let explanation = explain(&invoice, late, &DECLINED).unwrap();
    assert!(
        explanation.facts[2].sentence.ends_with("Only the payment plan lifts the block."),
        "{:?}",
        explanation.facts[2]
    );
    assert_eq!((explanation.next.topic, explanation.next.at), (Topic::Block, None));
    assert!(
        explanation
            .facts
            .iter()
            .all(|fact| !fact.sentence.contains("tenants/") && !fact.sentence.contains('_')),
        "{explanation:?}"
    );
}

#[test]
fn what_is_not_collected_by_itself_is_not_collected_after_a_dispute_either() {
    let mut invoice = invoices(&[100]).remove(0);
    let due = invoice.issue.as_ref().unwrap().due_date;
    invoice.disputed_by = "tenants/acme/customers/1/disputes/2".into();
    invoice.block = Some(Block {
        reason: BlockReason::Disputed,
        owner: invoice.disputed_by.clone(),
        since: due,
    });
    let explanation = explain(&invoice, on("2026-01-01"), &Context::default()).unwrap();
    assert_eq!(invoice.collection.state, CollectionState::Off);
    assert!(
        explanation.next.sentence.ends_with("or what is open is the customer's to pay."),
        "{:?}",
        explanation.next
    );
    assert!(
        explanation
            .facts
            .iter()
            .all(|fact| !fact.sentence.contains("tenants/")
                && !fact.sentence.contains("is collected")),
        "{explanation:?}"
    );
    invoice.collection.state = CollectionState::Scheduled;
    let explanation = explain(&invoice, on("2026-01-01"), &Context::default()).unwrap();
    assert!(
        explanation.next.sentence.contains("is collected on the later of"),
        "{:?}",
        explanation.next
    );
}

pub(super) fn usd(units: i64) -> Money {
    Money::from_micros(Currency::parse("USD").unwrap(), units * 1_000_000)
}

pub(super) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[test]
fn an_announced_transfer_comes_before_what_waits_for_it_and_lines_wait_for_the_tenant() {
    let mut invoice = invoices(&[100]).remove(0);
    invoice.pending = usd(1);
    invoice.amounts.total = usd(1);
    let until = start_of_day(chrono_tz::Tz::Australia__Sydney, day("2026-02-04"));
    let context = Context { transfer: Some((usd(1), until)), suggested: vec![usd(2)], ..DECLINED };
    let said = explain(&invoice, on("2025-12-01"), &context).unwrap();
    assert_eq!((said.next.topic, said.next.at), (Topic::Pending, Some(until)), "{said:?}");
    assert!(
        said.next
            .sentence
            .contains("A transfer of 1.00 USD is announced for it and awaited until 2026-02-04"),
        "{said:?}"
    );
    assert!(
        said.facts.iter().any(|fact| fact
            .sentence
            .starts_with("A transfer of 2.00 USD came in that may be for it")),
        "{said:?}"
    );
}

#[test]
fn what_cannot_be_collected_is_not_promised() {
    let mut invoice = invoices(&[100]).remove(0);
    invoice.collection.state = CollectionState::Scheduled;
    invoice.collection.next_at = Some(DateTime::UNIX_EPOCH);
    let said = explain(&invoice, on("2026-01-01"), &Context::default()).unwrap().next.sentence;
    assert!(
        said.contains("to be collected on 1970-01-01, but no saved payment method can be charged"),
        "{said}"
    );
}

#[test]
fn what_waits_for_a_person_comes_before_nothing_and_an_offer_does_not_end_meanwhile() {
    let mut invoice = invoices(&[100]).remove(0);
    let proposed = Context { proposed: vec![Proposal::WriteOff(usd(1))], ..DECLINED };
    let late = on("2026-03-01");
    invoice.reminders.done = vec![3];
    let said = explain(&invoice, late, &proposed).unwrap().next;
    assert!(
        said.sentence.starts_with("A write-off of 1.00 USD is proposed: a second person"),
        "{said:?}"
    );
    invoice.state = InvoiceState::Void;
    assert_eq!(
        explain(&invoice, late, &Context::default()).unwrap().facts[0].sentence,
        "It is void: nothing of it is owed."
    );
    invoice.credited = invoice.amounts.total;
    assert!(
        explain(&invoice, late, &Context::default()).unwrap().facts[0]
            .sentence
            .starts_with("Credit notes took all of it off")
    );
}

#[test]
fn what_is_proposed_is_told_only_as_far_as_it_can_be_decided() {
    let mut invoice = invoices(&[10_000]).remove(0);
    invoice.reminders.done = vec![3];
    let said = |invoice: &crate::Invoice, proposal: Proposal| {
        explain(invoice, on("2026-03-01"), &Context { proposed: vec![proposal], ..DECLINED })
            .unwrap()
            .next
            .sentence
    };
    let less = said(&invoice, Proposal::WriteOff(usd(70)));
    assert_eq!(
        less,
        "A write-off of 70.00 USD is proposed, but 100.00 USD are open now: a second person refuses it, with DecideApproval, and it is \
         proposed again."
    );
    invoice.pending = usd(30);
    let waits = said(&invoice, Proposal::WriteOff(usd(100)));
    assert!(
        waits.contains("is proposed: once the payment under way has ended, a second person"),
        "{waits}"
    );
    assert!(
        said(&invoice, Proposal::CreditNote(usd(70)))
            .ends_with("is proposed: a second person approves or refuses it, with DecideApproval.")
    );
    invoice.pending = usd(0);
    (invoice.state, invoice.paid) = (InvoiceState::Paid, invoice.amounts.total);
    assert_eq!(said(&invoice, Proposal::WriteOff(usd(100))), "Nothing: nothing of it is open.");
    assert!(
        said(&invoice, Proposal::CreditNote(usd(70)))
            .starts_with("A credit note of 70.00 USD is proposed")
    );
}

#[test]
fn customers_read_no_names_of_methods_that_they_may_not_call() {
    let mut invoice = invoices(&[123_456_700]).remove(0);
    invoice.collection.state = CollectionState::Failed;
    let customer = Context { as_customer: true, ..DECLINED };
    let sentences_of = |invoice: &crate::Invoice| {
        let (all, customers) = (
            explain(invoice, on("2026-01-05"), &DECLINED).unwrap(),
            explain(invoice, on("2026-01-05"), &customer).unwrap(),
        );
        let sentences = |explanation: Explanation| {
            explanation
                .facts
                .into_iter()
                .chain([explanation.next])
                .map(|fact| fact.sentence)
                .collect::<Vec<_>>()
                .join(" ")
        };
        (sentences(all), sentences(customers))
    };
    let named =
        |text: &str| ["UnblockInvoice", "WinDispute"].iter().any(|name| text.contains(name));
    let (_, customers) = sentences_of(&invoice);
    assert!(
        customers.contains("or retry it with RetryCollection")
            && customers.contains("1,234,567.00 USD"),
        "customers may: {customers}"
    );
    invoice.block =
        Some(Block { reason: BlockReason::Manual, owner: String::new(), since: day("2026-01-01") });
    let (all, customers) = sentences_of(&invoice);
    assert!(
        all.contains("with UnblockInvoice")
            && customers.contains("The tenant's people lift the block."),
        "{customers}"
    );
    invoice.disputed_by = "tenants/acme/customers/1/disputes/2".into();
    invoice.block = Some(Block {
        reason: BlockReason::Disputed,
        owner: invoice.disputed_by.clone(),
        since: day("2026-01-01"),
    });
    let (all, customers) = sentences_of(&invoice);
    assert!(all.contains("or with WinDispute") && !named(&customers), "{customers}");
    assert!(
        customers.contains("It was due on 2026-01-02; while the dispute is open it is not late."),
        "{customers}"
    );
}
