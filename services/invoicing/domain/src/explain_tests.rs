//! What is said of an invoice.

use super::{Calendar, Context, Explanation, Source, Topic, explain};
use crate::{
    announced::Announcements,
    approval::Proposal,
    block::{Block, BlockReason},
    collection::CollectionState,
    explain_plan::{NextInstalment, PlanOutlook, next_of},
    invoice::InvoiceState,
    payment::tests::invoices,
};
use chrono::{DateTime, NaiveDate};
use payterms_kernel::{Currency, Money, calendar::start_of_day};

const DECLINED: Context = Context {
    failure: "the card was declined by its bank",
    source: Source::Method,
    plan: None,
    transfer: None,
    suggested: Vec::new(),
    is_suggested: false,
    proposed: Vec::new(),
    as_customer: false,
};

fn on(day: &str) -> Calendar<'static> {
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

fn usd(units: i64) -> Money {
    Money::from_micros(Currency::parse("USD").unwrap(), units * 1_000_000)
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// An invoice that a plan blocks, and what is said of it.
fn planned(plan: PlanOutlook, source: Source) -> Explanation {
    let mut invoice = invoices(&[100]).remove(0);
    invoice.block = Some(Block {
        reason: BlockReason::PlanActive,
        owner: "tenants/acme/plan".into(),
        since: day("2026-01-01"),
    });
    explain(&invoice, on("2026-01-10"), &Context { plan: Some(plan), source, ..DECLINED }).unwrap()
}

#[test]
fn of_a_plan_it_says_what_is_collected_when_and_when_the_plan_ends() {
    let next = Some(NextInstalment { unpaid: usd(55), due: day("2026-01-28") });
    let plan = PlanOutlook {
        automatic: true,
        next,
        last_day: Some(day("2026-02-02")),
        ..PlanOutlook::default()
    };
    let said = planned(plan.clone(), Source::Method);
    let midnight = |text: &str| Some(start_of_day(chrono_tz::Tz::Australia__Sydney, day(text)));
    assert_eq!((said.next.topic, said.next.at), (Topic::Collection, midnight("2026-01-28")));
    assert!(
        said.next.sentence.ends_with("instalment of 55.00 USD is collected from the customer's collection method on 2026-01-28."),
        "{:?}",
        said.next
    );
    let ends =
        said.facts.iter().find(|fact| fact.sentence.contains("unpaid after 2026-02-02")).unwrap();
    assert_eq!((ends.topic, ends.at), (Topic::Block, midnight("2026-02-03")));
    assert!(
        said.facts.iter().all(|fact| !fact.sentence.contains("not collected by itself")),
        "{said:?}"
    );
    let without = planned(plan.clone(), Source::None).next.sentence;
    assert!(without.contains("no saved payment method can be charged"), "{without}");
    let by_hand =
        planned(PlanOutlook { automatic: false, ..plan.clone() }, Source::Method).next.sentence;
    assert!(
        by_hand.starts_with(
            "The customer pays the payment plan's instalment of 55.00 USD by 2026-01-28"
        ),
        "{by_hand}"
    );
    // Until the day before anything follows from what a lost dispute has opened again.
    let mut again = invoices(&[100]).remove(0);
    again.no_consequence_before = Some(day("2026-02-03"));
    let plan_by_hand = PlanOutlook { automatic: false, ..plan.clone() };
    let said = explain(&again, on("2026-01-31"), &Context { plan: Some(plan_by_hand), ..DECLINED })
        .unwrap();
    assert!(
        said.facts
            .iter()
            .any(|fact| fact.sentence.contains("instalment of 55.00 USD by 2026-02-02")),
        "{said:?}"
    );
    let due = Some(NextInstalment { unpaid: usd(55), due: day("2026-01-09") });
    let tried = PlanOutlook {
        next: due,
        failures: 2,
        failure: "the card was declined by its bank",
        next_try: midnight("2026-01-12"),
        ..plan
    };
    let said = planned(tried.clone(), Source::Method).next;
    assert!(
        said.sentence.starts_with("2 tries to collect")
            && said.sentence.ends_with("It is tried again on 2026-01-12."),
        "{said:?}"
    );
    assert_eq!(said.at, midnight("2026-01-12"));
    let stopped = planned(PlanOutlook { next_try: None, ..tried }, Source::Method);
    assert!(
        stopped.facts.iter().any(|fact| fact.sentence.contains("It is not tried again by itself")),
        "{stopped:?}"
    );
    assert_eq!(
        (stopped.next.topic, stopped.next.at),
        (Topic::Block, midnight("2026-02-03")),
        "its end comes next"
    );
    let proposed = planned(
        PlanOutlook { answer_by: midnight("2026-01-15"), ..PlanOutlook::default() },
        Source::Method,
    )
    .next;
    assert!(
        proposed.sentence.contains("answered by 2026-01-15")
            && proposed.at == midnight("2026-01-15"),
        "{proposed:?}"
    );
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
fn no_day_that_is_over_is_told_as_what_comes() {
    let sydney = chrono_tz::Tz::Australia__Sydney;
    // A plan that is paid by hand, within its days of grace.
    let next = Some(NextInstalment { unpaid: usd(70), due: day("2026-01-05") });
    let late = planned(
        PlanOutlook { next, last_day: Some(day("2026-01-12")), ..PlanOutlook::default() },
        Source::Method,
    );
    let this_text = "The payment plan's instalment of 70.00 USD was due on 2026-01-05 and is late: the customer pays it by 2026-01-12.";
    assert!(late.facts.iter().any(|fact| fact.sentence.starts_with(this_text)), "{late:?}");
    assert_eq!(late.next.at, Some(start_of_day(sydney, day("2026-01-13"))), "its end comes next");
    // Open again after a lost dispute: it is tried on the day by which its customer knows.
    let again = PlanOutlook {
        automatic: true,
        next,
        next_try: Some(start_of_day(sydney, day("2026-01-11"))),
        ..PlanOutlook::default()
    };
    let said = planned(again, Source::Method).next;
    assert!(
        said.sentence
            .ends_with("is collected from the customer's collection method on 2026-01-11."),
        "{said:?}"
    );
    // What is reserved by an announced transfer is not reminded.
    let mut invoice = invoices(&[100]).remove(0);
    invoice.pending = invoice.amounts.total;
    let until = start_of_day(sydney, day("2026-02-04"));
    let reserved = Context { transfer: Some((invoice.pending, until)), ..DECLINED };
    let said = explain(&invoice, on("2026-01-22"), &reserved).unwrap();
    let reminder = said.facts.iter().find(|fact| fact.topic == Topic::Reminder).unwrap();
    assert!(
        reminder.sentence.ends_with("where that comes to nothing, it is on 2026-02-04.")
            && reminder.at.is_none(),
        "{reminder:?}"
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

#[test]
fn an_invoice_in_a_plan_that_is_kept_is_not_past_due_and_its_debit_under_way_comes_next() {
    let next = Some(NextInstalment { unpaid: usd(55), due: day("2026-01-10") });
    let plan = PlanOutlook {
        automatic: true,
        next,
        under_way: true,
        last_day: Some(day("2026-01-15")),
        ..PlanOutlook::default()
    };
    let said = planned(plan.clone(), Source::Method);
    assert_eq!(
        said.next.sentence,
        "The payment plan's instalment of 55.00 USD is being collected: the payment under way pays it, or the try has failed."
    );
    let due = |said: &Explanation| {
        said.facts.iter().find(|fact| fact.topic == Topic::Due).unwrap().sentence.clone()
    };
    assert!(
        due(&said).starts_with(
            "Without the payment plan it was due on 2026-01-02: the plan's own dates count"
        ),
        "{said:?}"
    );
    let late = planned(PlanOutlook { late: true, ..plan }, Source::Method);
    assert!(
        due(&late).starts_with("It was due on 2026-01-02 and is past due by 8 days."),
        "{late:?}"
    );
}

#[test]
fn what_is_open_of_a_plan_is_what_its_last_instalments_lack() {
    let plan = [(day("2026-01-20"), usd(55)), (day("2026-02-20"), usd(55))];
    for (open, expected) in [
        (110, Some((55, "2026-01-20"))),
        (77, Some((22, "2026-01-20"))),
        (55, Some((55, "2026-02-20"))),
        (0, None),
    ] {
        let next = next_of(&plan, usd(open)).unwrap();
        assert_eq!(
            next,
            expected.map(|(unpaid, due)| NextInstalment { unpaid: usd(unpaid), due: day(due) }),
            "{open}"
        );
    }
}
